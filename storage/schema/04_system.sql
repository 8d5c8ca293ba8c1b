-- The file's own housekeeping, and the summary of an account in one row.

create table system_cache (
    cache_key text not null,
    cache_value text not null,
    expires_at text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint system_cache_pkey primary key (cache_key),
    constraint system_cache_cache_key_length check (length(cache_key) <= 255),
    constraint system_cache_cache_value_json check (json_valid(cache_value)),
    constraint system_cache_expires_at_form check (expires_at glob '????-??-??T??:??:??.??????Z'),
    constraint system_cache_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint system_cache_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

create index idx_system_cache_expires on system_cache (expires_at) where expires_at is not null;

create table system_stats (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    stat_date text not null,
    total_users integer default 0,
    active_users_today integer default 0,
    new_users_today integer default 0,
    total_conversations integer default 0,
    total_messages integer default 0,
    total_tokens integer default 0,
    avg_response_time real default 0,
    error_rate real default 0,
    database_size_mb real default 0,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint system_stats_pkey primary key (id),
    constraint system_stats_stat_date_key unique (stat_date),
    constraint system_stats_stat_date_form check (stat_date glob '????-??-??'),
    constraint system_stats_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict;

create index idx_system_stats_date on system_stats (stat_date desc);

create view api_user_summary as
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
    (select count(*) from chat_sessions as s where s.user_id = p.id) as total_sessions
from profiles as p
left join user_usage_daily as u on u.user_id = p.id and u.usage_date = (select today from moment);
