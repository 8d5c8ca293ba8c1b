-- Local only: replies that are still arriving, drafts, marks of the list and the small state of the screen.

-- The mirror's tables and the outbox see settled messages alone. No foreign key: a conversation may be deleted, and come back, meanwhile.
create table live_replies (
    id text not null primary key,          -- the id its message will have
    session_id text not null,
    user_message_id text not null,
    model text,
    message_timestamp text not null,
    content text not null default '',
    reasoning text not null default '',
    owner text not null                    -- name of the file that the receiving process holds locked; a free lock means it died
) strict;
create index live_replies_session on live_replies (session_id);

create table drafts (
    session_id text not null primary key,  -- empty: the conversation that is not made yet
    content text not null,
    updated_at text not null
) strict, without rowid;

create table session_marks (
    session_id text not null primary key,
    unread integer not null constraint session_marks_unread check (unread in (0, 1)),
    constraint session_marks_session foreign key (session_id) references chat_sessions (id) on update cascade on delete cascade
) strict, without rowid;

create table local_state (
    key text not null primary key,
    value text not null constraint local_state_json check (json_valid(value))
) strict, without rowid;

-- The list's order: newest message first, a conversation without one by its creation. It carries local_id, so skipping to any place in
-- the list never reads the conversations themselves.
create index chat_sessions_newest on chat_sessions (coalesce(last_message_timestamp, created_at) desc, id desc);
