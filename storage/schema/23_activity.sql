-- What is activity, as the server's PostgreSQL sees it: equal values too, times kept by both of the described triggers, long names cut.

-- Seconds and milliseconds again, within int4.
drop trigger chat_messages_elapsed_insert;
create trigger chat_messages_elapsed_insert after insert on chat_messages
when new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set
        elapsed_ms = iif(
            coalesce(elapsed_ms, 0) = 0, coalesce(min(elapsed_time * 1000, 2147483647), elapsed_ms), elapsed_ms
        ),
        elapsed_time = iif(
            coalesce(elapsed_ms, 0) = 0,
            coalesce(elapsed_time, elapsed_ms),
            cast(round(elapsed_ms / 1000.0) as integer)
        )
    where local_id = new.local_id;
end;

drop trigger chat_messages_elapsed_time;
create trigger chat_messages_elapsed_time after update of elapsed_time on chat_messages
when
    new.elapsed_ms is old.elapsed_ms
    and new.elapsed_time is not old.elapsed_time
    and new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set
        elapsed_ms = min(elapsed_time * 1000, 2147483647),
        elapsed_time = cast(round(min(elapsed_time * 1000, 2147483647) / 1000.0) as integer)
    where local_id = new.local_id;
end;

-- Each of the two timestamp triggers of the described schema keeps one of the times.
drop trigger on_session_updated;
create trigger on_session_updated after update on chat_sessions
when (select applying + filling from write_context) = 0 and new.last_activity is not (select now from moment)
begin
    update chat_sessions set last_activity = (select now from moment) where local_id = new.local_id;
end;

create trigger trigger_update_chat_sessions_timestamp after update on chat_sessions
when (select applying + filling from write_context) = 0 and new.updated_at is not (select now from moment)
begin
    update chat_sessions set updated_at = (select now from moment) where local_id = new.local_id;
end;

-- What update_profiles_updated_at does, under the other name that the described schema has for it.
create trigger update_users_timestamp after update on profiles
when (select applying + filling from write_context) = 0 and new.updated_at is not (select now from moment)
begin
    update profiles set updated_at = (select now from moment) where id = new.id;
end;

drop trigger on_auth_user_profile_sync_update;
create trigger on_auth_user_profile_sync_update after update on auth_users
when (select applying + filling from write_context) = 0
begin
    insert into handle_user_profile_sync (user_id) values (new.id);
end;

-- A name that is too long is cut, as there.
drop trigger handle_user_profile_sync_call;
create trigger handle_user_profile_sync_call instead of insert on handle_user_profile_sync
begin
    insert into user_activity_log (user_id, action, resource_type, resource_id, details, timestamp)
    select
        p.id,
        'profile_synced',
        'profile',
        p.id,
        json_object(
            'email_updated', json(iif(p.email <> a.email, 'true', 'false')),
            'sync_source', 'google_oauth',
            'deduplication_applied', json('false'),
            'new_user_sync', json(iif(
                exists (
                    select 1
                    from user_activity_log as l
                    where
                        l.user_id = p.id
                        and l.action = 'profile_created'
                        and l.timestamp > strftime('%Y-%m-%dT%H:%M:%f', m.now, '-2 minutes') || '000Z'
                ),
                'true',
                'false'
            ))
        ),
        m.now
    from profiles as p, auth_users as a, moment as m
    where
        p.id = new.user_id
        and a.id = new.user_id
        and (
            p.email <> a.email
            or not exists (
                select 1
                from user_activity_log as l
                where
                    l.user_id = p.id
                    and l.action = 'profile_synced'
                    and l.timestamp > strftime('%Y-%m-%dT%H:%M:%f', m.now, '-1 minutes') || '000Z'
            )
        );

    update profiles
    set
        email = coalesce(a.email, profiles.email),
        full_name = substr(coalesce(
            json_extract(a.raw_user_meta_data, '$.full_name'),
            json_extract(a.raw_user_meta_data, '$.name'),
            profiles.full_name,
            substr(a.email, 1, instr(a.email || '@', '@') - 1)
        ), 1, 255),
        avatar_url = coalesce(json_extract(a.raw_user_meta_data, '$.avatar_url'), profiles.avatar_url),
        last_active = m.now,
        updated_at = m.now
    from auth_users as a, moment as m
    where profiles.id = new.user_id and a.id = new.user_id;

    insert into profiles (id, email, full_name, avatar_url, created_at, updated_at, last_active)
    select
        a.id,
        coalesce(a.email, ''),
        substr(coalesce(
            json_extract(a.raw_user_meta_data, '$.full_name'),
            json_extract(a.raw_user_meta_data, '$.name'),
            substr(a.email, 1, instr(a.email || '@', '@') - 1),
            ''
        ), 1, 255),
        json_extract(a.raw_user_meta_data, '$.avatar_url'),
        m.now,
        m.now,
        m.now
    from auth_users as a, moment as m
    where a.id = new.user_id and not exists (select 1 from profiles as p where p.id = new.user_id);

    -- changes() speaks of the statement before this one
    insert into user_activity_log (user_id, action, resource_type, resource_id, details, timestamp)
    select
        new.user_id,
        'profile_created',
        'profile',
        new.user_id,
        json_object('sync_source', 'google_oauth', 'created_from_oauth', json('true')),
        m.now
    from moment as m
    where changes() = 1;
end;

-- Any statement that writes a message is activity in its conversation, also one that sets what is there already. The youngest trigger runs
-- first: what the message adds to its day is counted before its seconds are corrected, and no counter falls below zero in between.
drop trigger on_message_change_update;

-- A row's own times are being filled in: no edit of it. Set and cleared inside one trigger.
alter table write_context add column filling integer not null default 0 constraint write_context_filling_boolean check (filling in (0, 1));

create trigger on_message_change_update after update on chat_messages
when (select bulk from write_context) = 0
begin
    insert into update_session_stats (session_id, messages, tokens)
    select
        old.session_id,
        -(old.standing is not null),
        -iif(old.standing is not null, coalesce(old.total_tokens, 0), 0)
    where old.session_id <> new.session_id;

    insert into update_session_stats (session_id, messages, tokens)
    values (
        new.session_id,
        (new.standing is not null) - (old.session_id = new.session_id and old.standing is not null),
        iif(new.standing is not null, coalesce(new.total_tokens, 0), 0)
        - iif(old.session_id = new.session_id and old.standing is not null, coalesce(old.total_tokens, 0), 0)
    );

    insert into track_user_usage (
        user_id, messages_sent, messages_received, input_tokens, output_tokens, models_used, generation_ms
    )
    select s.user_id, d.sent, d.received, d.input, d.output, d.models, d.ms
    from
        chat_sessions as s,
        (
            select
                (new.standing is not null and new.role = 'user')
                - (old.standing is not null and old.role = 'user') as sent,
                (new.standing is not null and new.role = 'assistant')
                - (old.standing is not null and old.role = 'assistant') as received,
                iif(new.standing is not null and new.role = 'user', coalesce(new.input_tokens, 0), 0)
                - iif(old.standing is not null and old.role = 'user', coalesce(old.input_tokens, 0), 0) as input,
                iif(new.standing is not null and new.role = 'assistant', coalesce(new.output_tokens, 0), 0)
                - iif(old.standing is not null and old.role = 'assistant', coalesce(old.output_tokens, 0), 0) as output,
                iif(new.standing is not null and new.role = 'assistant', coalesce(new.elapsed_ms, 0), 0)
                - iif(old.standing is not null and old.role = 'assistant', coalesce(old.elapsed_ms, 0), 0) as ms,
                (
                    select json_group_object(model, change)
                    from (
                        select model, sum(change) as change
                        from (
                            select old.model as model, -1 as change
                            where old.standing = 0 and old.role = 'assistant'
                            union all
                            select new.model, 1
                            where new.standing = 0 and new.role = 'assistant'
                        )
                        group by model
                        having sum(change) <> 0
                    )
                ) as models
        ) as d
    where
        s.id = new.session_id
        and (select applying from write_context) = 0
        and (d.sent <> 0 or d.received <> 0 or d.input <> 0 or d.output <> 0 or d.ms <> 0 or d.models <> '{}');

    update profiles
    set
        message_count = message_count + (new.standing is not null) - (old.standing is not null),
        updated_at = (select now from moment)
    where
        id = (select user_id from chat_sessions where id = new.session_id)
        and (new.standing is not null) <> (old.standing is not null)
        and (select applying from write_context) = 0;
end;
