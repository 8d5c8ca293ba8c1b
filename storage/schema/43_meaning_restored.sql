-- Local only: a message that is brought back is noticed where the trash gives it back, so that an ordinary insert pays nothing.

drop trigger meaning_message_insert;

create trigger meaning_message_restored after delete on trash_rows
when old.place = 'chat_messages'
begin
    insert into meaning_changes (place)
    select local_id from chat_messages
    where id = old.thing and local_id <= (select seen from meaning_state);
end;
