-- A conversation is a tree of messages. parent_id is the message that a message follows: null for the one before it in time among those
-- without a parent, empty for none. Clients decide which branch is shown; the setting "leaf" of the conversation names a message of it.

set role sterna_owner;

alter table public.chat_messages add column if not exists parent_id varchar(255) collate "C";

create index if not exists idx_chat_messages_parent_id on public.chat_messages (user_id, session_id, parent_id)
where parent_id is not null;

reset role;
