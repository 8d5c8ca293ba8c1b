-- Roles, schemas, and the identity of a statement.
--
-- An existing auth schema, as of a Supabase project, stays as it is. The installing role need not be a superuser: it must own the database
-- and be able to create roles, unless the roles below exist.

do $$
declare
    name text;
begin
    foreach name in array array['sterna_owner', 'anon', 'authenticated', 'service_role'] loop
        if not exists (select 1 from pg_catalog.pg_roles where rolname = name) then
            execute format('create role %I nologin', name);
        end if;
    end loop;
    if not pg_catalog.pg_has_role(current_user, 'sterna_owner', 'usage') then
        execute format('grant sterna_owner to %I', current_user);
    end if;
    execute format('grant create on database %I to sterna_owner', current_database());
    -- all times are read and written in one zone, which also defines the day of usage
    execute format('alter database %I set timezone = %L', current_database(), 'UTC');
    -- statements are short, so that compiling one costs more than running it
    execute format('alter database %I set jit = off', current_database());
end
$$;

grant usage, create on schema public to sterna_owner;
grant usage on schema public to anon, authenticated, service_role;

create schema if not exists sterna authorization sterna_owner;

do $$
begin
    if not exists (select 1 from pg_catalog.pg_namespace where nspname = 'auth') then
        create schema auth authorization sterna_owner;
    end if;
    if not pg_catalog.has_schema_privilege('sterna_owner', 'auth', 'usage') then
        grant usage on schema auth to sterna_owner;
    end if;
end
$$;

set role sterna_owner;

grant usage on schema sterna to service_role;

-- Protects tables: row security also for their owner, no rights for anybody, all rights for the server.
create or replace procedure sterna.guard(p_tables regclass [])
language plpgsql
set search_path = pg_catalog
as $$
declare
    t regclass;
begin
    foreach t in array p_tables loop
        execute format('alter table %s enable row level security', t);
        execute format('alter table %s force row level security', t);
        execute format('revoke all on %s from public, anon, authenticated', t);
        execute format('grant all on %s to service_role', t);
        execute format('drop policy if exists of_the_server on %s', t);
        execute format('create policy of_the_server on %s to sterna_owner, service_role using (true) with check (true)', t);
    end loop;
end
$$;
revoke all on procedure sterna.guard(regclass []) from public;

-- Restricts functions to the server.
create or replace procedure sterna.reserve(p_functions regprocedure [])
language plpgsql
set search_path = pg_catalog
as $$
declare
    f regprocedure;
begin
    foreach f in array p_functions loop
        execute format('revoke all on function %s from public, anon, authenticated', f);
        execute format('grant execute on function %s to service_role', f);
    end loop;
end
$$;
revoke all on procedure sterna.reserve(regprocedure []) from public;

-- Applied files of this folder, with their checksums.
create table if not exists sterna.schema_files (
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now(),
    constraint schema_files_pkey primary key (name)
);
call sterna.guard('{sterna.schema_files}');

-- Secrets of the server, such as the key that signs its tokens.
create table if not exists sterna.secrets (
    name text not null,
    value text not null,
    constraint secrets_pkey primary key (name)
);
call sterna.guard('{sterna.secrets}');

do $$
begin
    if (select nspowner from pg_catalog.pg_namespace where nspname = 'auth') <> 'sterna_owner'::regrole then
        return;
    end if;
    grant usage on schema auth to anon, authenticated, service_role;

    create table if not exists auth.users (
        id uuid not null default gen_random_uuid(),
        email varchar(255),
        encrypted_password varchar(255),
        raw_user_meta_data jsonb default '{}',
        last_sign_in_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        banned_until timestamptz,
        constraint users_pkey primary key (id)
    );
    create unique index if not exists users_email_key on auth.users (lower(email)) where email is not null;
    call sterna.guard('{auth.users}');

    create or replace function auth.jwt() returns jsonb
    language sql stable
    as 'select nullif(current_setting(''request.jwt.claims'', true), '''')::jsonb';

    -- null without an error for a subject of an external sign-in that is not a uuid
    create or replace function auth.uid() returns uuid
    language sql stable
    as $f$
        select case
            when auth.jwt() ->> 'sub' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
                then (auth.jwt() ->> 'sub')::uuid
        end
    $f$;

    create or replace function auth.role() returns text
    language sql stable
    as 'select auth.jwt() ->> ''role''';
end
$$;

-- True for a statement of the server: of service_role, or of a role that may act as the owner of the schema. This holds inside functions
-- that run as their owner too. Claims are not used, because who can set them can set any.
create or replace function sterna.is_server() returns boolean
language sql stable
set search_path = pg_catalog
as $$
    select asker = 'service_role' or pg_has_role(asker, 'sterna_owner', 'member')
    from (select coalesce(nullif(current_setting('role', true), 'none'), session_user)::name as asker) as who
$$;

reset role;
