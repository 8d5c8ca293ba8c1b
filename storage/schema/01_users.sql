-- Who the file belongs to: the sign-in row, the profile made from it, and the log of what happened to the account.
--
-- Same names and values as the server's 01_users.sql, with these differences: one file holds one account, so there is no row security;
-- times are text 'YYYY-MM-DDTHH:MM:SS.ffffffZ' (text order is time order); json and arrays are json text; booleans are 0 and 1.

-- Local only. What triggers need to know about the write transaction they run in. It is a row and not a function of the program, so that
-- a plain sqlite3 shell may write to the file too; it is set and cleared inside one transaction, so no other process ever sees it set.
create table write_context (
    one integer primary key,
    applying integer not null default 0, -- 1: rows come from elsewhere or from the trash: keep their times, count no usage
    bulk integer not null default 0, -- 1: an import, which computes statistics once at its end
    now text, -- the time of the transaction
    constraint write_context_one_row check (one = 1),
    constraint write_context_applying_boolean check (applying in (0, 1)),
    constraint write_context_bulk_boolean check (bulk in (0, 1)),
    constraint write_context_now_form check (now glob '????-??-??T??:??:??.??????Z')
) strict;

insert into write_context (one) values (1);

-- Local only. now() and current_date of the server's functions.
create view moment as
select
    coalesce(now, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z') as now,
    coalesce(substr(now, 1, 10), strftime('%Y-%m-%d', 'now')) as today
from write_context;

create table auth_users (
    id text not null,
    email text,
    raw_user_meta_data text default '{}',
    last_sign_in_at text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint auth_users_pkey primary key (id),
    constraint auth_users_raw_user_meta_data_json check (raw_user_meta_data is null or json_valid(raw_user_meta_data)),
    constraint auth_users_last_sign_in_at_form check (last_sign_in_at glob '????-??-??T??:??:??.??????Z'),
    constraint auth_users_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint auth_users_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

create table profiles (
    id text not null,
    email text not null,
    full_name text,
    avatar_url text,
    default_model text default 'deepseek/deepseek-r1-0528:free',
    temperature real default 0.7,
    system_prompt text default 'You are a helpful AI assistant.',
    subscription_tier text default 'free',
    credits integer not null default 0,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    last_active text default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    usage_stats text default '{"total_messages":0,"total_tokens":0,"sessions_created":0}',
    allowed_models text default '["deepseek/deepseek-r1-0528:free"]',
    ui_preferences text default
        '{"theme":"dark","sidebar_width":280,"code_highlighting":true,"auto_save":true,"show_token_count":true,"compact_mode":false,"show_model_info":true,"auto_scroll":true,"message_grouping":true}',
    session_preferences text default
        '{"max_history":10,"auto_title":true,"save_anonymous":false,"auto_save_interval":30,"confirm_delete":true,"show_timestamps":true,"export_format":"markdown"}',
    clerk_id text not null default '', -- a trigger makes it the id at once
    last_session_id text,
    total_conversations integer not null default 0,
    total_searches integer not null default 0,
    message_count integer not null default 0,
    token_usage integer not null default 0,
    subscription_status text not null default 'active',
    constraint profiles_pkey primary key (id),
    -- on update cascade: an account that was local takes the id of the server account it signs in to
    constraint profiles_id_fkey foreign key (id) references auth_users (id) on delete cascade on update cascade,
    constraint profiles_last_session_id_fkey foreign key (last_session_id) references chat_sessions (id) on delete set null,
    constraint profiles_email_length check (length(email) <= 255),
    constraint profiles_full_name_length check (length(full_name) <= 255),
    constraint profiles_default_model_length check (length(default_model) <= 100),
    -- numeric(3,2) rounds decimals before it checks them; the factor makes 2.005, a little less as a binary number, round up too
    constraint profiles_temperature_range check (round(temperature * 1.0000000000001, 2) between 0.0 and 2.0),
    constraint profiles_subscription_tier_known check (subscription_tier in ('free', 'pro', 'enterprise')),
    constraint profiles_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint profiles_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z'),
    constraint profiles_last_active_form check (last_active glob '????-??-??T??:??:??.??????Z'),
    constraint profiles_usage_stats_json check (usage_stats is null or json_valid(usage_stats)),
    constraint profiles_allowed_models_json check (allowed_models is null or json_valid(allowed_models)),
    constraint profiles_ui_preferences_json check (ui_preferences is null or json_valid(ui_preferences)),
    constraint profiles_session_preferences_json check (session_preferences is null or json_valid(session_preferences))
) strict;

create index idx_profiles_email on profiles (email);
create index idx_profiles_last_active on profiles (last_active);
create index idx_profiles_subscription_tier on profiles (subscription_tier);
create unique index users_clerk_id_idx on profiles (clerk_id);

create table user_activity_log (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id text not null,
    action text not null,
    resource_type text,
    resource_id text,
    details text default '{}',
    timestamp text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    ip_address text,
    user_agent text,
    constraint user_activity_log_pkey primary key (id),
    constraint user_activity_log_user_id_fkey
        foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_activity_log_action_length check (length(action) <= 50),
    constraint user_activity_log_resource_type_length check (length(resource_type) <= 50),
    constraint user_activity_log_details_json check (details is null or json_valid(details)),
    constraint user_activity_log_timestamp_form check (timestamp glob '????-??-??T??:??:??.??????Z')
) strict;

create index idx_activity_log_user_id on user_activity_log (user_id);
create index idx_activity_log_timestamp on user_activity_log (timestamp);
create index idx_activity_log_action on user_activity_log (action);

-- A view with an INSTEAD OF trigger is a function here: "insert into f (argument) values (…)" calls it. It may be called from other
-- triggers and from the program, so that each rule is written once. The names are those of the server's functions.
create view handle_user_profile_sync as
select null as user_id
where false;

-- What a sign-in does to the profile. Two logged syncs within a minute are one, unless the address changed.
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
        full_name = coalesce(
            json_extract(a.raw_user_meta_data, '$.full_name'),
            json_extract(a.raw_user_meta_data, '$.name'),
            profiles.full_name,
            substr(a.email, 1, instr(a.email || '@', '@') - 1)
        ),
        avatar_url = coalesce(json_extract(a.raw_user_meta_data, '$.avatar_url'), profiles.avatar_url),
        last_active = m.now,
        updated_at = m.now
    from auth_users as a, moment as m
    where profiles.id = new.user_id and a.id = new.user_id;

    insert into profiles (id, email, full_name, avatar_url, created_at, updated_at, last_active)
    select
        a.id,
        coalesce(a.email, ''),
        coalesce(
            json_extract(a.raw_user_meta_data, '$.full_name'),
            json_extract(a.raw_user_meta_data, '$.name'),
            substr(a.email, 1, instr(a.email || '@', '@') - 1),
            ''
        ),
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

create trigger on_auth_user_profile_sync after insert on auth_users
when (select applying from write_context) = 0
begin
    insert into handle_user_profile_sync (user_id) values (new.id);
end;

create trigger on_auth_user_profile_sync_update after update on auth_users
when (select applying from write_context) = 0
begin
    insert into handle_user_profile_sync (user_id) values (new.id);
end;

-- The server rewrites the row before it is stored; here it is corrected afterwards, unless there is nothing to correct: without that
-- guard the trigger would call itself for ever where recursive_triggers is on.
create trigger update_profiles_updated_at after update on profiles
when (select applying from write_context) = 0 and new.updated_at is not (select now from moment)
begin
    update profiles set updated_at = (select now from moment) where id = new.id;
end;

create trigger update_profiles_updated_at_insert after insert on profiles
when (select applying from write_context) = 0
begin
    update profiles
    set
        updated_at = m.now,
        -- PostgreSQL's way to write a time: a space, no zeros at the end, +00
        usage_stats = json_set(
            usage_stats, '$.last_reset', rtrim(rtrim(replace(substr(m.now, 1, 26), 'T', ' '), '0'), '.') || '+00'
        )
    from moment as m
    where id = new.id;
end;

-- numeric(3,2)
create trigger profiles_temperature_rounded_insert after insert on profiles
when new.temperature is not round(new.temperature * 1.0000000000001, 2)
begin
    update profiles set temperature = round(new.temperature * 1.0000000000001, 2) where id = new.id;
end;

create trigger profiles_temperature_rounded after update of temperature on profiles
when new.temperature is not round(new.temperature * 1.0000000000001, 2)
begin
    update profiles set temperature = round(new.temperature * 1.0000000000001, 2) where id = new.id;
end;

-- The outside name of an account is its id until it is given another one.
create trigger profiles_clerk_id_insert after insert on profiles
when new.clerk_id = ''
begin
    update profiles set clerk_id = new.id where id = new.id;
end;

create trigger profiles_clerk_id after update of id on profiles
when new.clerk_id = old.id and new.id <> old.id
begin
    update profiles set clerk_id = new.id where id = new.id;
end;
