-- Usage by day, and the models of each tier.

set role sterna_owner;

create table if not exists public.user_usage_daily (
    user_id uuid not null,
    id uuid not null default gen_random_uuid(),
    usage_date date not null,
    messages_sent integer default 0,
    messages_received integer default 0,
    input_tokens bigint default 0,
    output_tokens bigint default 0,
    total_tokens bigint default 0,
    models_used jsonb default '{}',
    sessions_created integer default 0,
    active_minutes integer default 0, -- generation_ms in minutes, rounded up
    estimated_cost numeric(10, 4) default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    generation_ms bigint default 0,
    constraint user_usage_daily_pkey primary key (user_id, id),
    constraint user_usage_daily_user_id_usage_date_key unique (user_id, usage_date),
    constraint user_usage_daily_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

create index if not exists idx_usage_daily_user_date on public.user_usage_daily (user_id, usage_date desc);
create index if not exists idx_usage_daily_date on public.user_usage_daily (usage_date desc);

create table if not exists public.model_access (
    id uuid not null default gen_random_uuid(),
    model_id varchar(100) not null,
    tier varchar(20) not null,
    is_active boolean default true,
    input_cost_per_token numeric(10, 8) default 0,
    output_cost_per_token numeric(10, 8) default 0,
    daily_limit integer, -- null: no limit
    monthly_limit integer,
    model_name varchar(255),
    model_description text,
    model_tags text [],
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint model_access_pkey primary key (id),
    constraint model_access_model_id_tier_key unique (model_id, tier),
    constraint model_access_tier_known check (tier in ('free', 'pro', 'enterprise', 'admin'))
);

create index if not exists idx_model_access_tier on public.model_access (tier, is_active);
create index if not exists idx_model_access_model_id on public.model_access (model_id, is_active);

call sterna.guard('{public.user_usage_daily, public.model_access}');
grant select on public.user_usage_daily, public.model_access to authenticated;

drop policy if exists user_usage_daily_select_own on public.user_usage_daily;
create policy user_usage_daily_select_own on public.user_usage_daily for select to authenticated
using (user_id = (select public.current_profile_id()));
drop policy if exists model_access_select on public.model_access;
create policy model_access_select on public.model_access for select to authenticated using (true);

insert into public.model_access (model_id, tier, model_name, model_description, model_tags)
values
('deepseek/deepseek-r1-0528:free', 'free', 'DeepSeek R1', 'Reasons step by step, at no cost', '{free,reasoning}'),
('google/gemini-flash-1.5:free', 'free', 'Gemini Flash 1.5', 'Answers fast, at no cost', '{free,fast}'),
('openai/gpt-4o-mini', 'pro', 'GPT-4o mini', 'Small and quick, for everyday questions', '{fast,general}'),
('anthropic/claude-3-haiku', 'pro', 'Claude 3 Haiku', 'Quick and careful with long texts', '{fast,writing}'),
('google/gemini-pro', 'pro', 'Gemini Pro', 'An all-round model with a long memory', '{general,long-context}'),
('openai/gpt-4o', 'enterprise', 'GPT-4o', 'A large model for text and pictures', '{general,multimodal}'),
('anthropic/claude-3-opus', 'enterprise', 'Claude 3 Opus', 'For hard problems and long writing', '{writing,analysis}'),
('openai/o1', 'enterprise', 'o1', 'Thinks before it answers', '{reasoning,science,code}')
on conflict (model_id, tier) do nothing;

-- Adds two objects of counts key by key; keys that become zero are removed.
create or replace function sterna.add_counts(a jsonb, b jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog
as $$
declare
    total jsonb := coalesce(a, '{}');
    name text;
    count bigint;
begin
    for name, count in select c.key, c.value::bigint from jsonb_each_text(coalesce(b, '{}')) as c loop
        count := count + coalesce((total ->> name)::bigint, 0);
        total := case when count > 0 then total || jsonb_build_object(name, count) else total - name end;
    end loop;
    return total;
end
$$;

-- Adds to the totals of a profile. See add_use.
create or replace function sterna.add_to_profile(
    p_user uuid, p_messages bigint, p_sent integer, p_received integer, p_input bigint, p_output bigint, p_created integer
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.profiles
    set
        usage_stats = coalesce(usage_stats, '{}') || jsonb_build_object(
            'total_messages', greatest(0, coalesce((usage_stats ->> 'total_messages')::bigint, 0) + p_sent + p_received),
            'total_tokens', greatest(0, coalesce((usage_stats ->> 'total_tokens')::bigint, 0) + p_input + p_output),
            'sessions_created', greatest(0, coalesce((usage_stats ->> 'sessions_created')::bigint, 0) + p_created)
        ),
        token_usage = greatest(0, token_usage + p_input + p_output),
        message_count = message_count + p_messages,
        last_active = now()
    where id = p_user;
end
$$;

-- Adds to a day and to the profile. No argument may be null; negative values subtract, and no counter falls below zero.
create or replace function sterna.add_use(
    p_user uuid,
    p_messages bigint, -- for message_count of the profile
    p_sent integer,
    p_received integer,
    p_input bigint,
    p_output bigint,
    p_models jsonb,
    p_created integer,
    p_ms bigint,
    p_day date
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    for attempt in 1..2 loop
        update public.user_usage_daily as u
        set
            messages_sent = greatest(0, coalesce(u.messages_sent, 0) + p_sent),
            messages_received = greatest(0, coalesce(u.messages_received, 0) + p_received),
            input_tokens = greatest(0, coalesce(u.input_tokens, 0) + p_input),
            output_tokens = greatest(0, coalesce(u.output_tokens, 0) + p_output),
            total_tokens = greatest(0, coalesce(u.total_tokens, 0) + p_input + p_output),
            models_used = case
                when p_models = '{}' then coalesce(u.models_used, '{}') else sterna.add_counts(u.models_used, p_models)
            end,
            sessions_created = greatest(0, coalesce(u.sessions_created, 0) + p_created),
            generation_ms = greatest(0, coalesce(u.generation_ms, 0) + p_ms),
            active_minutes = (greatest(0, coalesce(u.generation_ms, 0) + p_ms) + 59999) / 60000,
            updated_at = now()
        where u.user_id = p_user and u.usage_date = p_day;
        exit when found;
        insert into public.user_usage_daily (user_id, usage_date) values (p_user, p_day)
        on conflict (user_id, usage_date) do nothing;
    end loop;

    perform sterna.add_to_profile(p_user, p_messages, p_sent, p_received, p_input, p_output, p_created);
end
$$;

-- Adds to a day, by default today, and to the totals of the profile. p_models is an object of additions by model.
create or replace function public.track_user_usage_delta(
    p_user_id uuid,
    p_messages_sent integer,
    p_messages_received integer,
    p_input_tokens bigint,
    p_output_tokens bigint,
    p_models jsonb,
    p_sessions_created integer,
    p_generation_ms bigint,
    p_usage_date date default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.add_use(
        p_user_id,
        0,
        coalesce(p_messages_sent, 0),
        coalesce(p_messages_received, 0),
        coalesce(p_input_tokens, 0),
        coalesce(p_output_tokens, 0),
        coalesce(p_models, '{}'),
        coalesce(p_sessions_created, 0),
        coalesce(p_generation_ms, 0),
        coalesce(p_usage_date, (now() at time zone 'UTC')::date)
    );
end
$$;

-- The signature of 001. The eighth argument is the time of generation in milliseconds, from which active_minutes is computed.
create or replace function public.track_user_usage(
    p_user_id uuid,
    p_messages_sent integer default 0,
    p_messages_received integer default 0,
    p_input_tokens integer default 0,
    p_output_tokens integer default 0,
    p_model_used varchar(100) default null,
    p_session_created boolean default false,
    p_generation_ms bigint default 0,
    p_usage_date date default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    if least(p_messages_sent, p_messages_received, p_input_tokens, p_output_tokens, p_generation_ms) < 0 then
        raise check_violation using message = 'use is only ever added to';
    end if;
    perform public.track_user_usage_delta(
        p_user_id, p_messages_sent, p_messages_received, p_input_tokens, p_output_tokens,
        case when p_model_used is null then '{}'::jsonb else jsonb_build_object(p_model_used, 1) end,
        coalesce(p_session_created, false)::integer, p_generation_ms, p_usage_date
    );
end
$$;

create or replace function sterna.tier_rank(tier text) returns integer
language sql immutable
set search_path = pg_catalog
as $$ select array_position(array['free', 'pro', 'enterprise', 'admin'], tier) $$;

create or replace function public.get_user_allowed_models(user_uuid uuid)
returns table (
    model_id varchar,
    model_name varchar,
    model_description text,
    model_tags text [],
    input_cost_per_token numeric,
    output_cost_per_token numeric,
    daily_limit integer,
    monthly_limit integer
)
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
begin
    if user_uuid is not null then
        perform sterna.require_own(user_uuid);
    end if;
    return query
    select
        m.model_id, m.model_name, m.model_description, m.model_tags, m.input_cost_per_token, m.output_cost_per_token,
        m.daily_limit, m.monthly_limit
    from public.model_access as m
    where m.is_active and sterna.tier_rank(m.tier) <= sterna.tier_rank(
        coalesce((select p.subscription_tier from public.profiles as p where p.id = user_uuid), 'free')
    )
    order by sterna.tier_rank(m.tier), m.model_name collate "C";
end
$$;

create or replace function public.can_user_use_model(user_uuid uuid, model_to_check varchar(100)) returns boolean
language sql stable
set search_path = pg_catalog, public
as $$
    select exists (select 1 from public.get_user_allowed_models(user_uuid) as m where m.model_id = model_to_check)
$$;

call sterna.reserve(array[
    'public.track_user_usage_delta(uuid, integer, integer, bigint, bigint, jsonb, integer, bigint, date)',
    'sterna.add_use(uuid, bigint, integer, integer, bigint, bigint, jsonb, integer, bigint, date)',
    'sterna.add_to_profile(uuid, bigint, integer, integer, bigint, bigint, integer)',
    'public.track_user_usage(uuid, integer, integer, integer, integer, varchar, boolean, bigint, date)',
    'public.get_user_allowed_models(uuid)',
    'public.can_user_use_model(uuid, varchar)',
    'sterna.add_counts(jsonb, jsonb)',
    'sterna.tier_rank(text)'
]::regprocedure []);
grant execute on function public.get_user_allowed_models(uuid) to authenticated;
grant execute on function public.can_user_use_model(uuid, varchar) to authenticated;

reset role;
