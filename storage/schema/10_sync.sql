-- Local only: what a server does not know yet. Change capture by triggers, so that every tool that writes is captured, from the first
-- message on; sending needs a sign-in and a yes. One row a thing (a coalesced dirty set), not a log: ten edits cost one push.

create table sync_account (
    one integer not null primary key constraint sync_account_one check (one = 1),
    origin text not null,
    user_id text not null,
    mode text,
    caps text,
    caps_at integer
) strict;

create table sync_state (
    one integer not null primary key constraint sync_state_one check (one = 1),
    replica text not null default '',
    push_seq integer not null default 0,
    cursor integer not null default 0,      -- sequence number up to which remote rows are applied
    full_cursor integer not null default 0, -- the cursor at the end of the last complete pull
    seen_seq integer not null default 0,   -- newest commit ever heard of
    seen_nonce text not null default '',
    resync integer not null default 0,
    fence integer not null default 0,
    next_at integer,
    fails integer not null default 0
) strict;
insert into sync_state (one) values (1);

-- Beside the mirror's tables, without a foreign key: neither a replaced nor a deleted row takes its acknowledgement with it.
create table sync_session_state (
    session_id text not null primary key,
    server_seq integer not null default 0,    -- sequence number of what was last acknowledged; 0: nothing
    created_seq integer not null default 0,
    title_class integer not null default 0,  -- 0 automatic, 1 by hand
    title_time integer not null default 0,
    title_tiebreak text not null default ''
) strict, without rowid;

create table sync_message_state (
    message_id text not null primary key,
    server_seq integer not null default 0,
    body_time integer not null default 0,
    body_tiebreak text not null default ''
) strict, without rowid;

create table sync_outbox (
    seq integer primary key autoincrement,
    kind text not null constraint sync_outbox_kind check (kind in ('c', 'm', 'x', 's')),
    id text not null,                      -- of a setting: <session id>/<key>; of a clear: all
    conv_id text not null,
    op text not null constraint sync_outbox_op check (op in ('put', 'del', 'clear', 'restore')),
    rev integer not null default 1,
    sent integer not null default 0,
    edited_at integer not null,            -- ms since 1970
    restamp integer not null default 0,
    arg integer,
    tries integer not null default 0,
    not_before integer,
    err text,
    constraint sync_outbox_thing unique (kind, id)
) strict;
create index sync_outbox_conv on sync_outbox (conv_id);

create table sync_inflight (
    one integer not null primary key constraint sync_inflight_one check (one = 1),
    push_seq integer not null,
    body blob not null,
    items text not null
) strict;

-- Tombstones: what was deleted here. If a server sends such an id again, it is deleted again.
create table sync_tombstones (
    kind text not null,
    id text not null,
    primary key (kind, id)
) strict, without rowid;

create table sync_seen (
    kind text not null,
    id text not null,
    primary key (kind, id)
) strict, without rowid;

create table sync_conflict (
    id integer primary key,
    at integer,
    what text,
    ref text,
    value text,
    dismissed integer not null default 0
) strict;

create table sync_remote (
    id text not null primary key,
    fingerprint text,                      -- of the conversation as the server showed it last
    title_base text
) strict, without rowid;

create table sync_private (
    conv_id text not null primary key      -- private conversations; a table of its own, so that replacing a row cannot publish it
) strict, without rowid;

-- One value each, so that independent settings of a conversation do not fight (model, system_prompt, temperature, pinned …).
create table session_settings (
    session_id text not null,
    key text not null,
    value text not null constraint session_settings_json check (json_valid(value)),
    primary key (session_id, key),
    constraint session_settings_session foreign key (session_id) references chat_sessions (id) on update cascade on delete cascade
) strict, without rowid;
