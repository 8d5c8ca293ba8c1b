-- Columns whose default is the present take the time of the transaction, as there. A default cannot read a table; but all that one step of
-- SQLite says of 'now' is the same, so a time that is exactly that came from the default.

create trigger auth_users_default_times after insert on auth_users
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update auth_users
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger profiles_default_times after insert on profiles
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at, new.last_active) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update profiles
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at),
        last_active = iif(last_active = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), last_active)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger user_activity_log_default_times after insert on user_activity_log
when new.timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_activity_log
    set timestamp = iif(timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), timestamp)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger chat_sessions_default_times after insert on chat_sessions
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at, new.last_activity) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update chat_sessions
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at),
        last_activity = iif(last_activity = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), last_activity)
    where local_id = new.local_id;
    update write_context set filling = 0;
end;

create trigger chat_messages_default_times after insert on chat_messages
when
    substr(new.message_timestamp, 24) = '000Z' -- most differ here
    and new.message_timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
    and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update chat_messages
    set message_timestamp = iif(message_timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), message_timestamp)
    where local_id = new.local_id;
    update write_context set filling = 0;
end;

create trigger user_usage_daily_default_times after insert on user_usage_daily
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_usage_daily
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger model_access_default_times after insert on model_access
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update model_access
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger system_cache_default_times after insert on system_cache
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update system_cache
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where rowid = new.rowid;
    update write_context set filling = 0;
end;

create trigger system_stats_default_times after insert on system_stats
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update system_stats
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where rowid = new.rowid;
    update write_context set filling = 0;
end;

create trigger search_sessions_default_times after insert on search_sessions
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update search_sessions
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger user_sessions_default_times after insert on user_sessions
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.started_at, new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_sessions
    set
        started_at = iif(started_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), started_at),
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger visit_messages_default_times after insert on visit_messages
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update visit_messages
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where id = new.id;
    update write_context set filling = 0;
end;

create trigger user_interactions_default_times after insert on user_interactions
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_interactions
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where id = new.id;
    update write_context set filling = 0;
end;
