-- What goes with a row that is deleted goes also where foreign keys are off, as they are in a plain shell.
create trigger chat_sessions_take_along after delete on chat_sessions
begin
    delete from chat_messages where session_id = old.id;
    delete from session_settings where session_id = old.id;
    delete from session_marks where session_id = old.id;
    update profiles set last_session_id = null where last_session_id = old.id;
end;

create trigger chat_messages_take_along after delete on chat_messages
begin
    delete from visit_messages where message_id = old.id;
end;

create trigger user_sessions_take_along after delete on user_sessions
begin
    delete from visit_messages where session_id = old.id;
    delete from user_interactions where session_id = old.id;
end;

create trigger profiles_take_along after delete on profiles
begin
    delete from chat_sessions where user_id = old.id;
    delete from user_sessions where user_id = old.id;
    delete from user_interactions where user_id = old.id;
    delete from search_sessions where user_id = old.id;
    delete from user_usage_daily where user_id = old.id;
    delete from user_activity_log where user_id = old.id;
    delete from deleted_items where user_id = old.id;
end;

create trigger auth_users_take_along after delete on auth_users
begin
    delete from profiles where id = old.id;
end;

-- Conversations and messages that were deleted, for whoever asks the file itself. A deleted conversation leaves one row, its messages none
-- of their own; what comes back leaves the log.
create table deleted_items (
    user_id text not null,
    kind text not null,
    id text not null,
    session_id text not null,
    deleted_at text not null,
    constraint deleted_items_pkey primary key (kind, id),
    constraint deleted_items_kind_known check (kind in ('session', 'message')),
    constraint deleted_items_deleted_at_form check (deleted_at glob '????-??-??T??:??:??.??????Z')
) strict, without rowid;
create index deleted_items_session on deleted_items (session_id);

create trigger deleted_items_session_deleted after delete on chat_sessions
when exists (select 1 from profiles where id = old.user_id)
begin
    delete from deleted_items where session_id = old.id;
    insert into deleted_items (user_id, kind, id, session_id, deleted_at)
    select old.user_id, 'session', old.id, old.id, now from moment;
end;

create trigger deleted_items_message_deleted after delete on chat_messages
when exists (select 1 from chat_sessions where id = old.session_id)
begin
    insert into deleted_items (user_id, kind, id, session_id, deleted_at)
    select s.user_id, 'message', old.id, old.session_id, m.now
    from chat_sessions as s, moment as m
    where s.id = old.session_id
    on conflict (kind, id) do update set session_id = excluded.session_id, deleted_at = excluded.deleted_at;
end;

create trigger deleted_items_message_renamed after update of id on chat_messages
when new.id is not old.id
begin
    insert into deleted_items (user_id, kind, id, session_id, deleted_at)
    select s.user_id, 'message', old.id, old.session_id, m.now
    from chat_sessions as s, moment as m
    where s.id = old.session_id
    on conflict (kind, id) do update set session_id = excluded.session_id, deleted_at = excluded.deleted_at;
    delete from deleted_items where kind = 'message' and id = new.id;
end;

create trigger deleted_items_session_back after insert on chat_sessions
when exists (select 1 from deleted_items where kind = 'session' and id = new.id)
begin
    delete from deleted_items where kind = 'session' and id = new.id;
end;

create trigger deleted_items_message_back after insert on chat_messages
when exists (select 1 from deleted_items where kind = 'message' and id = new.id)
begin
    delete from deleted_items where kind = 'message' and id = new.id;
end;

-- An account that was local takes the id of the server account it signs in to.
create trigger deleted_items_adopted after update of id on profiles
when new.id is not old.id
begin
    update deleted_items set user_id = new.id where user_id = old.id;
end;
