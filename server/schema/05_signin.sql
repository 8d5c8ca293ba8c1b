-- Tables of sign-in. They contain only SHA-256 hashes of secrets, so that reading them does not allow signing in.

-- with an existing auth schema, service_role may lack the rights on auth.users, which sign-in and bans need
do $$
begin
    if not (
        has_table_privilege('service_role', 'auth.users', 'select')
        and has_table_privilege('service_role', 'auth.users', 'insert')
        and has_table_privilege('service_role', 'auth.users', 'update')
    ) then
        grant usage on schema auth to service_role;
        grant select, insert, update on auth.users to service_role;
    end if;
exception
    when insufficient_privilege then
        raise notice 'service_role may not read auth.users; grant it select, insert and update there';
end
$$;

set role sterna_owner;

create table if not exists sterna.refresh_tokens (
    hash bytea not null,
    user_id uuid not null,
    family uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint refresh_tokens_pkey primary key (hash),
    constraint refresh_tokens_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint refresh_tokens_hash_length check (length(hash) = 32)
);
comment on table sterna.refresh_tokens is 'Tokens for one use each. A family is one session; used tokens are kept to detect a second use.';
create index if not exists refresh_tokens_family_idx on sterna.refresh_tokens (user_id, family);

create table if not exists sterna.device_codes (
    hash bytea not null,
    user_code varchar(16) not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    wait integer not null,
    polled_at timestamptz,
    user_id uuid,
    denied boolean not null default false,
    constraint device_codes_pkey primary key (hash),
    constraint device_codes_user_code_key unique (user_code),
    constraint device_codes_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint device_codes_hash_length check (length(hash) = 32)
);
comment on table sterna.device_codes is 'Terminals that wait for approval at /device (RFC 8628).';
create index if not exists device_codes_expires_at_idx on sterna.device_codes (expires_at);
create index if not exists device_codes_user_id_idx on sterna.device_codes (user_id);

create table if not exists sterna.invitations (
    hash bytea not null,
    email varchar(255),
    tier varchar(20) not null default 'free',
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint invitations_pkey primary key (hash),
    constraint invitations_hash_length check (length(hash) = 32),
    constraint invitations_tier_known check (tier in ('free', 'pro', 'enterprise'))
);
comment on table sterna.invitations is 'Codes that create one account each, for a given email only if there is one.';

call sterna.guard('{sterna.refresh_tokens, sterna.device_codes, sterna.invitations}');

-- Tier of the caller of a request: '' for a disabled account, null for an unknown one or if the session of the token has ended. Tokens of
-- an external sign-in have no session.
drop function if exists sterna.standing(uuid, timestamptz);
create or replace function sterna.standing(p_user_id uuid, p_at timestamptz, p_session text) returns text
language sql stable
security definer
set search_path = pg_catalog, public
as $$
    select case when u.banned_until > p_at then '' else coalesce(p.subscription_tier, 'free') end
    from public.profiles as p
    inner join auth.users as u on u.id = p.id
    where
        p.id = p_user_id
        and (
            p_session is null
            or u.banned_until > p_at
            or exists (
                select 1
                from sterna.refresh_tokens as t
                where t.user_id = p_user_id and t.family::text = p_session and t.expires_at > p_at
            )
        )
$$;
revoke all on function sterna.standing(uuid, timestamptz, text) from public, anon, authenticated;

reset role;
