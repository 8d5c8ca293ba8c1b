-- The setting "branch_end" says that the shown branch ends at the message "leaf", although others follow it: the program that it was
-- imported from went back and has not gone on yet. It is an array of that message and of the newest one beneath it, and means nothing once
-- there is a newer one. Such a conversation may be a line, so it is noted here.

create trigger branches_end_insert after insert on session_settings
when new.key = 'branch_end'
begin
    insert into branched_conversations (session_id) values (new.session_id)
    on conflict (session_id) do update set stale = 1;
end;

create trigger branches_end_update after update of value on session_settings
when new.key = 'branch_end' and new.value is not old.value
begin
    insert into branched_conversations (session_id) values (new.session_id)
    on conflict (session_id) do update set stale = 1;
end;

create trigger branches_end_delete after delete on session_settings
when old.key = 'branch_end'
begin
    update branched_conversations set stale = 1 where session_id = old.session_id;
end;
