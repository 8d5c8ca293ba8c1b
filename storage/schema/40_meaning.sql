-- Local only: which messages changed after their vectors were made, while search by meaning is on.

create table meaning_state (
    only_row integer primary key default 1,
    name text not null default '',         -- of the vectors that this history belongs to; empty: search by meaning is off
    seen integer not null default 0,       -- newest local_id that has been read; later messages are found by it
    constraint meaning_state_only_row check (only_row = 1)
) strict;
insert into meaning_state (only_row) values (1);

create table meaning_changes (
    seq integer primary key autoincrement,
    place integer not null                 -- local_id of a message that was changed, deleted, brought back or (un)hidden
) strict;

create trigger meaning_message_insert after insert on chat_messages
when new.local_id <= (select seen from meaning_state)
begin
    insert into meaning_changes (place) values (new.local_id);
end;

create trigger meaning_message_delete after delete on chat_messages
when old.local_id <= (select seen from meaning_state)
begin
    insert into meaning_changes (place) values (old.local_id);
end;

create trigger meaning_message_update after update of content, role, session_id on chat_messages
when (old.content, old.role, old.session_id) is not (new.content, new.role, new.session_id)
    and new.local_id <= (select seen from meaning_state)
begin
    insert into meaning_changes (place) values (new.local_id);
end;

create trigger meaning_private_insert after insert on sync_private
begin
    insert into meaning_changes (place)
    select local_id from chat_messages
    where session_id = new.conv_id and local_id <= (select seen from meaning_state);
end;

create trigger meaning_private_delete after delete on sync_private
begin
    insert into meaning_changes (place)
    select local_id from chat_messages
    where session_id = old.conv_id and local_id <= (select seen from meaning_state);
end;
