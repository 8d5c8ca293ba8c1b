-- Maintenance of the database, and the export of an account.

set role sterna_owner;

create table if not exists public.system_cache (
    cache_key varchar(255) not null,
    cache_value jsonb not null,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint system_cache_pkey primary key (cache_key)
);

create index if not exists idx_system_cache_expires on public.system_cache (expires_at) where expires_at is not null;

create table if not exists public.system_stats (
    id uuid not null default gen_random_uuid(),
    stat_date date not null,
    total_users integer default 0,
    active_users_today integer default 0,
    new_users_today integer default 0,
    total_conversations integer default 0,
    total_messages integer default 0,
    total_tokens integer default 0,
    avg_response_time numeric(10, 3) default 0,
    error_rate numeric(5, 4) default 0,
    database_size_mb numeric(15, 2) default 0,
    created_at timestamptz not null default now(),
    constraint system_stats_pkey primary key (id),
    constraint system_stats_stat_date_key unique (stat_date)
);

create index if not exists idx_system_stats_date on public.system_stats (stat_date desc);

call sterna.guard('{public.system_cache, public.system_stats}');

-- Runs as the caller, so that row security applies.
create or replace view public.api_user_summary
with (security_invoker = true) as
select
    p.id,
    p.email,
    p.full_name,
    p.avatar_url,
    p.subscription_tier,
    p.credits,
    p.default_model,
    p.temperature,
    p.system_prompt,
    p.ui_preferences,
    p.session_preferences,
    p.allowed_models,
    p.last_active,
    coalesce(u.messages_sent + u.messages_received, 0) as messages_today,
    coalesce(u.total_tokens, 0) as tokens_today,
    (select count(*) from public.chat_sessions as s where s.user_id = p.id) as total_sessions
from public.profiles as p
left join public.user_usage_daily as u on u.user_id = p.id and u.usage_date = (now() at time zone 'UTC')::date;

revoke all on public.api_user_summary from anon, authenticated;
grant select on public.api_user_summary to authenticated, service_role;

create or replace function public.get_user_complete_profile(user_uuid uuid) returns jsonb
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
declare
    p public.profiles;
begin
    perform sterna.require_own(user_uuid);
    select * into p from public.profiles where id = user_uuid;
    if not found then
        return '{"error": "User not found"}';
    end if;
    return jsonb_build_object(
        'id', p.id,
        'email', p.email,
        'full_name', p.full_name,
        'avatar_url', p.avatar_url,
        'subscription_tier', p.subscription_tier,
        'credits', p.credits,
        'preferences', jsonb_build_object(
            'model', jsonb_build_object(
                'default_model', p.default_model,
                'temperature', p.temperature,
                'system_prompt', p.system_prompt,
                'allowed_models', p.allowed_models
            ),
            'ui', p.ui_preferences,
            'session', p.session_preferences
        ),
        'available_models', (
            select jsonb_agg(jsonb_build_object(
                'model_id', m.model_id,
                'model_name', m.model_name,
                'model_description', m.model_description,
                'model_tags', m.model_tags,
                'daily_limit', m.daily_limit,
                'monthly_limit', m.monthly_limit
            ))
            from public.get_user_allowed_models(user_uuid) as m
        ),
        'usage_stats', jsonb_build_object(
            'today', (
                select jsonb_agg(
                    jsonb_build_object(
                        'messages_sent', u.messages_sent,
                        'messages_received', u.messages_received,
                        'total_tokens', u.total_tokens,
                        'models_used', u.models_used,
                        'sessions_created', u.sessions_created,
                        'active_minutes', u.active_minutes
                    )
                    order by u.usage_date desc
                )
                from public.user_usage_daily as u
                where u.user_id = user_uuid and u.usage_date >= (now() at time zone 'UTC')::date - 7
            ),
            'total', p.usage_stats
        ),
        'timestamps', jsonb_build_object(
            'created_at', p.created_at, 'updated_at', p.updated_at, 'last_active', p.last_active
        )
    );
end
$$;

-- Removes rows older than so many days; null removes nothing and only writes today's statistics. Tombstones are never removed.
create or replace function public.cleanup_old_data(days_to_keep integer default 90) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    today constant date := (now() at time zone 'UTC')::date;
    logs bigint;
    days bigint;
    entries bigint;
    ended bigint;
begin
    if days_to_keep < 1 then
        raise invalid_parameter_value using message = 'days_to_keep must be at least 1';
    end if;
    delete from public.user_activity_log where timestamp < now() - make_interval(days => days_to_keep);
    get diagnostics logs = row_count;
    delete from public.user_usage_daily where usage_date < today - days_to_keep;
    get diagnostics days = row_count;
    delete from public.system_cache where days_to_keep is not null and expires_at < now();
    get diagnostics entries = row_count;
    delete from public.user_sessions where ended_at < now() - make_interval(days => days_to_keep);
    get diagnostics ended = row_count;
    insert into public.system_stats (stat_date, total_users, total_conversations, total_messages)
    values (
        today,
        (select count(*) from public.profiles),
        (select count(*) from public.chat_sessions),
        (select count(*) from public.chat_messages)
    )
    on conflict (stat_date) do update set
        total_users = excluded.total_users,
        total_conversations = excluded.total_conversations,
        total_messages = excluded.total_messages;
    return jsonb_build_object(
        'success', true,
        'cleanup_date', today,
        'deleted_records', jsonb_build_object(
            'activity_logs', logs, 'usage_records', days, 'cache_entries', entries, 'visits', ended
        ),
        'cleanup_completed_at', now()
    );
end
$$;

-- All data of an account as one object.
create or replace function public.export_user_data(user_uuid uuid) returns jsonb
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.require_own(user_uuid);
    if not exists (select 1 from public.profiles where id = user_uuid) then
        return '{"error": "User not found"}';
    end if;
    return jsonb_build_object(
        'export_date', now(),
        'user_id', user_uuid,
        'profile', (select to_jsonb(p) || sterna.profile_extras(p.id) from public.profiles as p where p.id = user_uuid),
        'conversations', coalesce((
            select jsonb_agg(
                jsonb_build_object(
                    'session', to_jsonb(s),
                    'messages', coalesce((
                        select jsonb_agg(to_jsonb(m) order by m.message_timestamp, m.id)
                        from public.chat_messages as m
                        where m.user_id = user_uuid and m.session_id = s.id
                    ), '[]'),
                    'settings', coalesce((
                        select jsonb_object_agg(o.key, o.value)
                        from public.session_settings as o
                        where o.user_id = user_uuid and o.session_id = s.id
                    ), '{}')
                )
                order by s.created_at, s.id
            )
            from public.chat_sessions as s
            where s.user_id = user_uuid
        ), '[]'),
        'activity_log', coalesce((
            select jsonb_agg(to_jsonb(l) order by l.timestamp desc, l.id)
            from public.user_activity_log as l
            where l.user_id = user_uuid
        ), '[]'),
        'searches', coalesce((
            select jsonb_agg(to_jsonb(q) order by q.created_at desc, q.id)
            from public.search_sessions as q
            where q.user_id = user_uuid
        ), '[]'),
        'visits', coalesce((
            select jsonb_agg(to_jsonb(v) order by v.started_at desc, v.id)
            from public.user_sessions as v
            where v.user_id = user_uuid
        ), '[]'),
        'visit_messages', coalesce((
            select jsonb_agg(to_jsonb(w) - 'embedding' order by w.created_at, w.sequence_order, w.id)
            from public.visit_messages as w
            where w.user_id = user_uuid
        ), '[]'),
        'interactions', coalesce((
            select jsonb_agg(to_jsonb(i) order by i.created_at desc, i.id)
            from public.user_interactions as i
            where i.user_id = user_uuid
        ), '[]'),
        'usage_stats', coalesce((
            select jsonb_agg(to_jsonb(u) order by u.usage_date desc)
            from public.user_usage_daily as u
            where u.user_id = user_uuid
        ), '[]'),
        'attachments', coalesce((
            select jsonb_agg(to_jsonb(a) order by a.created_at, a.id)
            from public.attachments as a
            where a.user_id = user_uuid
        ), '[]')
    );
end
$$;

create or replace function public.analyze_database_health() returns jsonb
language sql stable
security definer
set search_path = pg_catalog, public
as $$
    select jsonb_build_object(
        'timestamp', now(),
        'database_size', pg_size_pretty(pg_database_size(current_database())),
        'table_sizes', (
            select jsonb_object_agg(
                'public.' || c.relname, pg_size_pretty(pg_total_relation_size(c.oid))
            )
            from pg_class as c
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        ),
        'index_usage', (
            select jsonb_object_agg(
                i.indexrelname,
                jsonb_build_object(
                    'table', i.relname, 'scans', i.idx_scan, 'size', pg_size_pretty(pg_relation_size(i.indexrelid))
                )
            )
            from pg_stat_user_indexes as i
            where i.schemaname = 'public'
        ),
        'total_users', (select count(*) from public.profiles),
        'total_conversations', (select count(*) from public.chat_sessions),
        'total_messages', (select count(*) from public.chat_messages),
        'active_users_last_7_days', (
            select count(distinct l.user_id)
            from public.user_activity_log as l
            where l.timestamp >= now() - interval '7 days'
        )
    )
$$;

call sterna.reserve(array[
    'public.get_user_complete_profile(uuid)',
    'public.cleanup_old_data(integer)',
    'public.export_user_data(uuid)',
    'public.analyze_database_health()'
]::regprocedure []);
grant execute on function public.get_user_complete_profile(uuid) to authenticated;
grant execute on function public.export_user_data(uuid) to authenticated;

reset role;
