-- Local only: what was deleted and can be brought back. Rows are kept as json objects of their columns, so that a later schema, with more
-- columns, restores them too.

create table trash (
    token integer primary key autoincrement,
    at text not null,
    kind text not null constraint trash_kind check (kind in ('session', 'message', 'reply', 'clear')),
    title text not null,
    sessions integer not null,
    messages integer not null,
    indexed integer not null               -- 1: the words of its messages are still in the index, to be removed when it is emptied
) strict;
create index trash_at on trash (at);

create table trash_rows (
    row_id integer primary key,
    token integer not null,
    place text not null,                   -- the table it came from
    thing text not null,                   -- its id
    content text not null,
    constraint trash_rows_trash foreign key (token) references trash (token) on delete cascade
) strict;
create index trash_rows_token on trash_rows (token, place);
create index trash_rows_thing on trash_rows (place, thing);
