-- Accounts: profiles, which are created at sign-up, and the log of their activity.
--
-- Functions that take an account's id serve that account and the server only (42501). They run as sterna_owner, so accounts need no rights
-- on what they write.

set role sterna_owner;

create table if not exists public.profiles (
    id uuid not null,
    email varchar(255) not null,
    full_name varchar(255),
    avatar_url text,
    default_model varchar(100) default 'deepseek/deepseek-r1-0528:free',
    temperature numeric(3, 2) default 0.7,
    system_prompt text default 'You are a helpful AI assistant.',
    subscription_tier varchar(20) default 'free',
    credits integer not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_active timestamptz default now(),
    usage_stats jsonb default '{"total_messages": 0, "total_tokens": 0, "sessions_created": 0}',
    allowed_models text [] default array['deepseek/deepseek-r1-0528:free'],
    ui_preferences jsonb default
    '{"theme": "dark", "sidebar_width": 280, "code_highlighting": true, "auto_save": true, "show_token_count": true,
      "compact_mode": false, "show_model_info": true, "auto_scroll": true, "message_grouping": true}',
    session_preferences jsonb default
    '{"max_history": 10, "auto_title": true, "save_anonymous": false, "auto_save_interval": 30, "confirm_delete": true,
      "show_timestamps": true, "export_format": "markdown"}',
    clerk_id text not null default '', -- set to the id by a trigger
    last_session_id text collate "C",
    total_conversations integer not null default 0,
    total_searches integer not null default 0,
    message_count integer not null default 0,
    token_usage bigint not null default 0,
    subscription_status text not null default 'active',
    constraint profiles_pkey primary key (id),
    constraint profiles_temperature_range check (temperature between 0.0 and 2.0),
    constraint profiles_subscription_tier_known check (subscription_tier in ('free', 'pro', 'enterprise'))
);

create index if not exists idx_profiles_email on public.profiles (email);
-- brin, so that an update of last_active does not touch the other indexes
create index if not exists idx_profiles_last_active on public.profiles using brin (last_active);
create index if not exists idx_profiles_subscription_tier on public.profiles (subscription_tier);
create unique index if not exists users_clerk_id_idx on public.profiles (clerk_id);

create table if not exists public.user_activity_log (
    user_id uuid not null,
    id uuid not null default gen_random_uuid(),
    action varchar(50) not null,
    resource_type varchar(50),
    resource_id text,
    details jsonb default '{}',
    timestamp timestamptz not null default now(),
    ip_address inet,
    user_agent text,
    constraint user_activity_log_pkey primary key (user_id, id),
    constraint user_activity_log_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

create index if not exists idx_activity_log_user_id on public.user_activity_log (user_id, timestamp desc);
create index if not exists idx_activity_log_timestamp on public.user_activity_log (timestamp);
create index if not exists idx_activity_log_action on public.user_activity_log (action);

-- Id of the caller's profile: the subject of the token, or the profile with that name of an external sign-in.
create or replace function public.current_profile_id() returns uuid
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
declare
    subject text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
    found_id uuid;
begin
    if subject ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
        select id into found_id from public.profiles where id = subject::uuid;
    end if;
    if found_id is null and subject is not null then
        select id into found_id from public.profiles where clerk_id = subject;
    end if;
    return found_id;
end
$$;
grant execute on function public.current_profile_id() to public;

-- Raises an error unless the caller is the account or the server.
create or replace function sterna.require_own(p_user_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    if not sterna.is_server() and p_user_id is distinct from public.current_profile_id() then
        raise insufficient_privilege using message = 'this is for the owner of the account alone';
    end if;
end
$$;

call sterna.guard('{public.profiles, public.user_activity_log}');

grant select, insert, update on public.profiles to authenticated;
drop policy if exists profiles_select_own on public.profiles;
create policy profiles_select_own on public.profiles for select to authenticated
using (id = (select public.current_profile_id()));
drop policy if exists profiles_update_own on public.profiles;
create policy profiles_update_own on public.profiles for update to authenticated
using (id = (select public.current_profile_id())) with check (id = (select public.current_profile_id()));
drop policy if exists profiles_insert_own on public.profiles;
create policy profiles_insert_own on public.profiles for insert to authenticated
with check (id = (select auth.uid()));

grant select on public.user_activity_log to authenticated;
drop policy if exists user_activity_log_select_own on public.user_activity_log;
create policy user_activity_log_select_own on public.user_activity_log for select to authenticated
using (user_id = (select public.current_profile_id()));

create or replace function public.update_updated_at_column() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    if tg_op = 'INSERT' or not sterna.is_applying() then -- restored rows and their consequences keep their times
        new.updated_at := now();
    end if;
    if tg_op = 'INSERT' then
        new.usage_stats := new.usage_stats
            || jsonb_build_object('last_reset', (now() at time zone 'UTC')::text || '+00');
        if coalesce(new.clerk_id, '') = '' then
            new.clerk_id := new.id::text;
        end if;
    end if;
    return new;
end
$$;
drop trigger if exists update_profiles_updated_at on public.profiles;
create trigger update_profiles_updated_at before insert or update on public.profiles
for each row execute function public.update_updated_at_column();

-- Protects tier, credits, counters and names from changes by the account. Functions of the schema run as their owner and are exempt.
create or replace function public.protect_profile_columns() returns trigger
language plpgsql
set search_path = pg_catalog, public
as $$
declare
    writable constant text [] := array[
        'full_name', 'avatar_url', 'default_model', 'temperature', 'system_prompt', 'allowed_models', 'ui_preferences',
        'session_preferences', 'updated_at', 'last_active'
    ];
    fresh public.profiles;
begin
    if current_user not in ('anon', 'authenticated') then
        return new;
    end if;
    if tg_op = 'UPDATE' and (to_jsonb(new) - writable) is distinct from (to_jsonb(old) - writable) then
        raise insufficient_privilege using message = 'only the server changes this part of a profile';
    end if;
    if tg_op = 'INSERT' and (
        new.subscription_tier is distinct from 'free' or new.credits <> 0 or new.subscription_status <> 'active'
        or new.total_conversations <> 0 or new.total_searches <> 0 or new.message_count <> 0 or new.token_usage <> 0
        or new.clerk_id <> new.id::text or new.last_session_id is not null
        or (new.usage_stats - 'last_reset') is distinct from
        '{"total_messages": 0, "total_tokens": 0, "sessions_created": 0}'::jsonb
    ) then
        raise insufficient_privilege using message = 'only the server sets this part of a profile';
    end if;
    return new;
end
$$;
-- runs after update_profiles_updated_at, which sets clerk_id: triggers run in the order of their names
drop trigger if exists zz_protect_profile_columns on public.profiles;
create trigger zz_protect_profile_columns before insert or update on public.profiles
for each row when (current_user in ('anon', 'authenticated')) execute function public.protect_profile_columns();

create or replace function public.log_user_activity(
    p_user_id uuid,
    p_action varchar(50),
    p_resource_type varchar(50) default null,
    p_resource_id text default null,
    p_details jsonb default '{}'
) returns uuid
language sql
security definer
set search_path = pg_catalog, public
as $$
    insert into public.user_activity_log (user_id, action, resource_type, resource_id, details)
    values (p_user_id, p_action, p_resource_type, p_resource_id, p_details)
    returning id
$$;

-- Copies name, email and picture from a sign-in to the profile. Empty metadata of a later sign-in keeps the earlier values.
create or replace function sterna.copy_sign_in(p_id uuid, p_email text, p_metadata jsonb) returns boolean
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    update public.profiles
    set
        email = coalesce(p_email, email),
        full_name = left(coalesce(
            p_metadata ->> 'full_name', p_metadata ->> 'name', full_name, split_part(p_email, '@', 1)
        ), 255),
        avatar_url = coalesce(p_metadata ->> 'avatar_url', avatar_url),
        last_active = now()
    where id = p_id;
    if found then
        return true;
    end if;
    insert into public.profiles (id, email, full_name, avatar_url, last_active)
    values (
        p_id,
        coalesce(p_email, ''),
        left(coalesce(
            p_metadata ->> 'full_name', p_metadata ->> 'name', split_part(p_email, '@', 1), ''
        ), 255),
        p_metadata ->> 'avatar_url',
        now()
    );
    return false;
end
$$;

-- Logs one sync per minute, unless the address changes.
create or replace function public.handle_user_profile_sync() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    before record;
    email_changed boolean;
begin
    select email into before from public.profiles where id = new.id;
    if found then
        email_changed := coalesce(before.email <> new.email, false);
        if email_changed or not exists (
            select 1
            from public.user_activity_log
            where user_id = new.id and action = 'profile_synced' and timestamp > now() - interval '1 minute'
        ) then
            perform public.log_user_activity(new.id, 'profile_synced', 'profile', new.id::text, jsonb_build_object(
                'email_updated', email_changed,
                'sync_source', 'google_oauth',
                'deduplication_applied', false,
                'new_user_sync', exists (
                    select 1
                    from public.user_activity_log
                    where user_id = new.id and action = 'profile_created' and timestamp > now() - interval '2 minutes'
                )
            ));
        end if;
    end if;
    if not sterna.copy_sign_in(new.id, new.email, new.raw_user_meta_data) then
        perform public.log_user_activity(
            new.id, 'profile_created', 'profile', new.id::text, '{"sync_source": "google_oauth", "created_from_oauth": true}'
        );
    end if;
    return new;
end
$$;

create or replace function public.sync_profile_from_auth(user_uuid uuid) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    account record;
    changes jsonb;
begin
    perform sterna.require_own(user_uuid);
    select id, email, raw_user_meta_data into account from auth.users where id = user_uuid;
    if not found then
        return '{"success": false, "error": "User not found in auth.users"}';
    end if;
    if sterna.copy_sign_in(account.id, account.email, account.raw_user_meta_data) then
        changes := jsonb_build_object('email_synced', true, 'profile_synced', true, 'synced_at', now());
        perform public.log_user_activity(user_uuid, 'profile_manual_sync', 'profile', user_uuid::text, changes);
    else
        changes := jsonb_build_object('profile_created', true, 'created_at', now());
    end if;
    return jsonb_build_object('success', true, 'updated', true, 'changes', changes);
end
$$;

call sterna.reserve(array[
    'public.update_updated_at_column()',
    'public.protect_profile_columns()',
    'public.handle_user_profile_sync()',
    'public.log_user_activity(uuid, varchar, varchar, text, jsonb)',
    'public.sync_profile_from_auth(uuid)',
    'sterna.copy_sign_in(uuid, text, jsonb)',
    'sterna.require_own(uuid)',
    'sterna.is_server()'
]::regprocedure []);
grant execute on function public.sync_profile_from_auth(uuid) to authenticated;

reset role;

-- Runs as the installing role: with an external auth schema, sterna_owner may not reference auth.users.
do $$
begin
    if not exists (select 1 from pg_catalog.pg_constraint where conname = 'profiles_id_fkey') then
        alter table public.profiles add constraint profiles_id_fkey
            foreign key (id) references auth.users (id) on delete cascade;
    end if;
    if not pg_catalog.has_table_privilege('sterna_owner', 'auth.users', 'select') then
        grant select on auth.users to sterna_owner;
    end if;
    if not pg_catalog.has_table_privilege('sterna_owner', 'auth.users', 'references') then
        grant references on auth.users to sterna_owner;
    end if;
end
$$;
drop trigger if exists on_auth_user_profile_sync on auth.users;
create trigger on_auth_user_profile_sync after insert or update on auth.users
for each row execute function public.handle_user_profile_sync();
