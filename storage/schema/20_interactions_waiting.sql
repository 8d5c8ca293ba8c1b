-- Local only: events that are not sent yet. Only where the person said yes to that is anything written here.
create table interactions_waiting (
    place integer not null primary key,
    id text not null unique,
    session_token text not null,           -- of the visit in which it happened
    session_id text,                       -- the server's id of that visit, once it is known: nothing is sent without one
    event_type text not null,
    content_id text,
    duration integer,
    event_data text not null constraint interactions_waiting_json check (json_valid(event_data)),
    created_at text not null
) strict;
