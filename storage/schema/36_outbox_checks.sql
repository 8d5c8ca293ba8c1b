-- The checks of the outbox without lists: for "in" with three values or more SQLite builds a table of them, for every row that a trigger
-- writes. That took a third of the time of capturing a change. Its numbers keep their sequence: a number that is given again would let the
-- answer to an old change count for a new one.
create table sync_outbox_before as
select seq, kind, id, conv_id, op, rev, sent, edited_at, restamp, arg, tries, not_before, err, refused_rev from sync_outbox;

drop table sync_outbox;

create table sync_outbox (
    seq integer primary key autoincrement,
    kind text not null constraint sync_outbox_kind check (kind = 'c' or kind = 'm' or kind = 'x' or kind = 's'),
    id text not null,                      -- of a setting: <session id>/<key>; of a clear: all
    conv_id text not null,
    op text not null constraint sync_outbox_op check (op = 'put' or op = 'del' or op = 'clear' or op = 'restore'),
    rev integer not null default 1,
    sent integer not null default 0,
    edited_at integer not null,            -- ms since 1970
    restamp integer not null default 0,
    arg integer,
    tries integer not null default 0,
    not_before integer,
    err text,
    refused_rev integer not null default 0,
    constraint sync_outbox_thing unique (kind, id)
) strict;
create index sync_outbox_conv on sync_outbox (conv_id);
create index sync_outbox_tried on sync_outbox (tries) where tries > 0;

insert into sync_outbox (
    seq, kind, id, conv_id, op, rev, sent, edited_at, restamp, arg, tries, not_before, err, refused_rev
)
select seq, kind, id, conv_id, op, rev, sent, edited_at, restamp, arg, tries, not_before, err, refused_rev
from sync_outbox_before;

drop table sync_outbox_before;
