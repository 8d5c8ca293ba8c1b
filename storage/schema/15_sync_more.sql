-- Local only: what the exchange with a server needs beyond the first tables. Added to them and not written into them, so that files made
-- before it open as they are.

-- Whether the last pull came to its end.
alter table sync_state add column complete integer not null default 0;

-- How often the history was compared with one that went back.
alter table sync_state add column resynced integer not null default 0;

-- The class of the title that the server acknowledged; title_class is that of the title here, which may wait to be sent. title_time and
-- title_tiebreak are those of the acknowledged title.
alter table sync_session_state add column acked_class integer not null default 0;

-- Where the server wrote the deletion down; 0: it was not sent, -1: perhaps received. What lives again with a later creation was brought
-- back by a person.
alter table sync_tombstones add column server_seq integer not null default 0;

create table sync_setting_state (
    id text not null primary key,          -- <session id>/<key>
    server_seq integer not null default 0,
    time integer not null default 0,
    tiebreak text not null default ''
) strict, without rowid;

-- Partial conversations, known from a list of the newest only: what the list said of them, until their messages are pulled.
create table sync_partial_conversations (
    session_id text not null primary key,
    summary text not null constraint sync_partial_conversations_json check (json_valid(summary))
) strict, without rowid;

-- Deferred rows: received for something that cannot take them now, because it is in the trash, private or being sent, or because its
-- conversation is not here. A cursor never goes back, so they are kept and applied later.
create table sync_deferred (
    kind text not null,
    id text not null,
    session_id text not null,
    seq integer not null,
    content text not null constraint sync_deferred_json check (json_valid(content)),
    primary key (kind, id)
) strict, without rowid;
create index sync_deferred_session on sync_deferred (session_id);

-- Messages that a server knew when they were deleted from a private conversation: to be deleted there if the conversation is shown to it again.
create table sync_private_deletions (
    session_id text not null,
    message_id text not null,
    primary key (session_id, message_id)
) strict, without rowid;

create trigger capture_private_delete after delete on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and exists (select 1 from sync_private where conv_id = old.session_id)
    and exists (select 1 from sync_message_state where message_id = old.id and server_seq > 0)
begin
    insert into sync_private_deletions (session_id, message_id) values (old.session_id, old.id) on conflict do nothing;
end;

create index sync_outbox_tried on sync_outbox (tries) where tries > 0;

-- The revision that a server refused; a later edit is tried at once.
alter table sync_outbox add column refused_rev integer not null default 0;

-- Unsent messages of a deleted conversation, moved to a private conversation of this device.
create table sync_recovered_messages (
    message_id text not null primary key
) strict, without rowid;
