-- A conversation is a tree of messages, of which one branch is shown.
--
-- parent_id is the message that a message follows. Null: the message before it in time among those without a parent, so that a conversation
-- without branches is a line and its rows need no value. Empty: none, the message begins the conversation. A parent counts only if it is in
-- the same conversation and before its child in the order (message_timestamp, id); otherwise it is taken for null. So no rows, whoever
-- sends them, make a circle, and a message whose parent is missing is not lost.
--
-- The shown branch ends at the newest message beneath the one that the setting "leaf" names; without it, at the newest message of all.
alter table chat_messages add column parent_id text
    constraint chat_messages_parent_id_length check (length(parent_id) <= 255);

create index idx_chat_messages_parent_id on chat_messages (session_id, parent_id, message_timestamp, id)
where parent_id is not null;

-- Local only: conversations with a message that names its parent, and the end of their shown branch. While stale is 1, the rows of
-- hidden_messages are those before the last changes; the program corrects them before it commits or reads.
create table branched_conversations (
    session_id text not null primary key,
    leaf_id text not null default '',
    leaf_at text not null default '',
    trunk integer not null default 0,      -- 1: the leaf has no parent_id, and neither needs what follows it
    stale integer not null default 1
) strict, without rowid;
create index branched_conversations_stale on branched_conversations (session_id) where stale = 1;

-- Local only: messages that are not on the shown branch.
create table hidden_messages (
    session_id text not null,
    message_id text not null,
    primary key (session_id, message_id)
) strict, without rowid;

create trigger branches_message_insert after insert on chat_messages
when new.parent_id is not null or exists (select 1 from branched_conversations where session_id = new.session_id)
begin
    -- a message that continues the shown branch becomes its end
    update branched_conversations
    set leaf_id = new.id, leaf_at = new.message_timestamp, trunk = new.parent_id is null
    where session_id = new.session_id
        and stale = 0
        and (leaf_at, leaf_id) < (new.message_timestamp, new.id)
        and (new.parent_id = leaf_id or (new.parent_id is null and trunk = 1))
        and not exists (select 1 from chat_messages where session_id = new.session_id and parent_id = new.id);
    insert into branched_conversations (session_id)
    select new.session_id
    where not exists (
        select 1 from branched_conversations where session_id = new.session_id and stale = 0 and leaf_id = new.id
    )
    on conflict (session_id) do update set stale = 1;
end;

create trigger branches_message_delete after delete on chat_messages
when exists (select 1 from branched_conversations where session_id = old.session_id and stale = 0)
begin
    update branched_conversations set stale = 1 where session_id = old.session_id;
end;

create trigger branches_message_update after update of id, session_id, message_timestamp, parent_id on chat_messages
when (old.id, old.session_id, old.message_timestamp, old.parent_id)
    is not (new.id, new.session_id, new.message_timestamp, new.parent_id)
begin
    update branched_conversations set stale = 1 where session_id in (old.session_id, new.session_id);
    insert into branched_conversations (session_id)
    select new.session_id
    where new.parent_id is not null
    on conflict (session_id) do update set stale = 1;
end;

create trigger branches_leaf_insert after insert on session_settings
when new.key = 'leaf'
begin
    update branched_conversations set stale = 1 where session_id = new.session_id;
end;

create trigger branches_leaf_update after update of value on session_settings
when new.key = 'leaf' and new.value is not old.value
begin
    update branched_conversations set stale = 1 where session_id = new.session_id;
end;

create trigger branches_leaf_delete after delete on session_settings
when old.key = 'leaf'
begin
    update branched_conversations set stale = 1 where session_id = old.session_id;
end;

create trigger branches_session_delete after delete on chat_sessions
begin
    delete from branched_conversations where session_id = old.id;
    delete from hidden_messages where session_id = old.id;
end;

-- A changed parent is captured for sync like a changed text.
drop trigger capture_message_update;
create trigger capture_message_update after update of
    session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type, completion_id,
    message_timestamp, error_message, is_streaming, metadata, elapsed_ms, raw_message, reasoning, reasoning_details, has_attachments,
    attachment_count, has_websearch, websearch_result_count, output_image_tokens, annotations, parent_id
on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
    and (
        old.session_id, old.role, old.content, old.model, old.total_tokens, old.input_tokens, old.output_tokens,
        old.user_message_id, old.content_type, old.completion_id, old.message_timestamp, old.error_message, old.is_streaming,
        old.metadata, old.elapsed_ms, old.raw_message, old.reasoning, old.reasoning_details, old.has_attachments,
        old.attachment_count, old.has_websearch, old.websearch_result_count, old.output_image_tokens, old.annotations, old.parent_id
    ) is not (
        new.session_id, new.role, new.content, new.model, new.total_tokens, new.input_tokens, new.output_tokens,
        new.user_message_id, new.content_type, new.completion_id, new.message_timestamp, new.error_message, new.is_streaming,
        new.metadata, new.elapsed_ms, new.raw_message, new.reasoning, new.reasoning_details, new.has_attachments,
        new.attachment_count, new.has_websearch, new.websearch_result_count, new.output_image_tokens, new.annotations, new.parent_id
    )
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', new.id, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set
        op = 'put', conv_id = excluded.conv_id, rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

-- Local only. What a reply that is still arriving follows, and the reply whose text it goes on with.
alter table live_replies add column parent_id text;
alter table live_replies add column continues text;
