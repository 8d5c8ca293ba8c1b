-- What was used, day by day, and which models which tier may use.

create table user_usage_daily (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id text not null,
    usage_date text not null,
    messages_sent integer default 0,
    messages_received integer default 0,
    input_tokens integer default 0,
    output_tokens integer default 0,
    total_tokens integer default 0,
    models_used text default '{}',
    sessions_created integer default 0,
    active_minutes integer default 0, -- generation_ms in minutes, begun ones whole
    estimated_cost real default 0,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    generation_ms integer default 0,
    constraint user_usage_daily_pkey primary key (id),
    constraint user_usage_daily_user_id_usage_date_key unique (user_id, usage_date),
    constraint user_usage_daily_user_id_fkey
        foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_usage_daily_usage_date_form check (usage_date glob '????-??-??'),
    constraint user_usage_daily_models_used_json check (models_used is null or json_valid(models_used)),
    constraint user_usage_daily_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint user_usage_daily_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

create index idx_usage_daily_user_date on user_usage_daily (user_id, usage_date desc);
create index idx_usage_daily_date on user_usage_daily (usage_date desc);

create table model_access (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    model_id text not null,
    tier text not null,
    is_active integer default 1,
    input_cost_per_token real default 0,
    output_cost_per_token real default 0,
    daily_limit integer, -- null: no limit
    monthly_limit integer,
    model_name text,
    model_description text,
    model_tags text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint model_access_pkey primary key (id),
    constraint model_access_model_id_tier_key unique (model_id, tier),
    constraint model_access_model_id_length check (length(model_id) <= 100),
    constraint model_access_tier_known check (tier in ('free', 'pro', 'enterprise', 'admin')),
    constraint model_access_is_active_boolean check (is_active in (0, 1)),
    constraint model_access_model_name_length check (length(model_name) <= 255),
    constraint model_access_model_tags_json check (model_tags is null or json_valid(model_tags)),
    constraint model_access_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint model_access_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

create index idx_model_access_tier on model_access (tier, is_active);
create index idx_model_access_model_id on model_access (model_id, is_active);

insert into model_access (model_id, tier, model_name, model_description, model_tags)
values
('deepseek/deepseek-r1-0528:free', 'free', 'DeepSeek R1', 'Reasons step by step, at no cost', '["free","reasoning"]'),
('google/gemini-flash-1.5:free', 'free', 'Gemini Flash 1.5', 'Answers fast, at no cost', '["free","fast"]'),
('openai/gpt-4o-mini', 'pro', 'GPT-4o mini', 'Small and quick, for everyday questions', '["fast","general"]'),
('anthropic/claude-3-haiku', 'pro', 'Claude 3 Haiku', 'Quick and careful with long texts', '["fast","writing"]'),
('google/gemini-pro', 'pro', 'Gemini Pro', 'An all-round model with a long memory', '["general","long-context"]'),
('openai/gpt-4o', 'enterprise', 'GPT-4o', 'A large model for text and pictures', '["general","multimodal"]'),
('anthropic/claude-3-opus', 'enterprise', 'Claude 3 Opus', 'For hard problems and long writing', '["writing","analysis"]'),
('openai/o1', 'enterprise', 'o1', 'Thinks before it answers', '["reasoning","science","code"]')
on conflict (model_id, tier) do nothing;

-- A function (see 01_users.sql): adds to a day, today if none is named, and to the profile's totals. models_used is an object of what to
-- add for each model. Everything may be negative, as when a message turns out to have failed; no counter falls below zero.
create view track_user_usage as
select
    null as user_id,
    null as messages_sent,
    null as messages_received,
    null as input_tokens,
    null as output_tokens,
    null as models_used,
    null as sessions_created,
    null as generation_ms,
    null as usage_date
where false;

create trigger track_user_usage_call instead of insert on track_user_usage
begin
    insert into user_usage_daily (user_id, usage_date, created_at, updated_at)
    select new.user_id, coalesce(new.usage_date, today), now, now
    from moment
    where true
    on conflict (user_id, usage_date) do nothing;

    update user_usage_daily
    set
        messages_sent = max(0, coalesce(messages_sent, 0) + coalesce(new.messages_sent, 0)),
        messages_received = max(0, coalesce(messages_received, 0) + coalesce(new.messages_received, 0)),
        input_tokens = max(0, coalesce(input_tokens, 0) + coalesce(new.input_tokens, 0)),
        output_tokens = max(0, coalesce(output_tokens, 0) + coalesce(new.output_tokens, 0)),
        total_tokens = max(
            0, coalesce(total_tokens, 0) + coalesce(new.input_tokens, 0) + coalesce(new.output_tokens, 0)
        ),
        -- made anew from pairs: a path like '$."a/b"' cannot name a model with a quotation mark in it
        models_used = iif(
            coalesce(new.models_used, '{}') = '{}',
            coalesce(models_used, '{}'),
            (
                select json_group_object(key, value)
                from (
                    select key, sum(value) as value
                    from (
                        select key, value from json_each(coalesce(user_usage_daily.models_used, '{}'))
                        union all
                        select key, value from json_each(new.models_used)
                    )
                    group by key
                    having sum(value) > 0
                )
            )
        ),
        sessions_created = max(0, coalesce(sessions_created, 0) + coalesce(new.sessions_created, 0)),
        generation_ms = max(0, coalesce(generation_ms, 0) + coalesce(new.generation_ms, 0)),
        active_minutes = (max(0, coalesce(generation_ms, 0) + coalesce(new.generation_ms, 0)) + 59999) / 60000,
        updated_at = m.now
    from moment as m
    where user_id = new.user_id and usage_date = coalesce(new.usage_date, m.today);

    update profiles
    set
        usage_stats = json_set(
            coalesce(usage_stats, '{}'),
            '$.total_messages',
            max(
                0,
                coalesce(json_extract(usage_stats, '$.total_messages'), 0)
                + coalesce(new.messages_sent, 0)
                + coalesce(new.messages_received, 0)
            ),
            '$.total_tokens',
            max(
                0,
                coalesce(json_extract(usage_stats, '$.total_tokens'), 0)
                + coalesce(new.input_tokens, 0)
                + coalesce(new.output_tokens, 0)
            ),
            '$.sessions_created',
            max(0, coalesce(json_extract(usage_stats, '$.sessions_created'), 0) + coalesce(new.sessions_created, 0))
        ),
        token_usage = max(0, token_usage + coalesce(new.input_tokens, 0) + coalesce(new.output_tokens, 0)),
        last_active = m.now,
        updated_at = m.now
    from moment as m
    where id = new.user_id;
end;
