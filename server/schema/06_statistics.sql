-- Statistics that triggers maintain: those of conversations, the usage of their owners, and the counters of profiles. Each trigger runs
-- once per statement. Statements with a single message, the usual case, need no arrays and sums.
--
-- Plans are cached for the lifetime of a connection and may have been made with empty tables, so these functions rule out plans that read a
-- whole table.

set role sterna_owner;

-- Day on which something is counted: the day of its time for a push of a device, otherwise today.
create or replace function sterna.use_day(p_by_day boolean, p_at timestamptz) returns date
language sql stable
set search_path = pg_catalog
as $$
    select case
        when p_by_day then
            greatest(least(p_at at time zone 'UTC', now() at time zone 'UTC'), timestamp '2000-01-01')::date
        else (now() at time zone 'UTC')::date
    end
$$;

-- True for a statement of a device's push, which provides stamps.
create or replace function sterna.is_push() returns boolean
language sql stable
set search_path = pg_catalog
as $$ select coalesce(current_setting('sterna.stamps', true), '') <> '' $$;

-- Additions of the new rows of a statement by account, day and model.
do $$
begin
    if to_regtype('sterna.day_delta') is null then
        create type sterna.day_delta as (
            user_id uuid,
            day date,
            model text,
            messages bigint,
            sent bigint,
            received bigint,
            input_tokens bigint,
            output_tokens bigint,
            elapsed_ms bigint,
            created bigint
        );
    end if;
end
$$;

-- Adds to many days with one statement, and once to the profile: a call of add_use for each day would create as many versions of the
-- profile's row, which slow later updates. New rows never subtract, so no counter falls below zero.
create or replace function sterna.add_use_of_days(p_deltas sterna.day_delta []) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    total record;
begin
    insert into public.user_usage_daily as u (
        user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
        sessions_created, generation_ms, active_minutes
    )
    select
        d.user_id, d.day, d.sent, d.received, d.input_tokens, d.output_tokens, d.input_tokens + d.output_tokens, d.models,
        d.created, d.elapsed_ms, (d.elapsed_ms + 59999) / 60000
    from (
        select
            m.user_id,
            m.day,
            sum(m.sent)::integer as sent,
            sum(m.received)::integer as received,
            sum(m.input_tokens)::bigint as input_tokens,
            sum(m.output_tokens)::bigint as output_tokens,
            sum(m.elapsed_ms)::bigint as elapsed_ms,
            sum(m.created)::integer as created,
            coalesce(jsonb_object_agg(m.model, m.received) filter (where m.model is not null and m.received <> 0), '{}') as models
        from unnest(p_deltas) as m
        group by m.user_id, m.day
        having sum(m.sent) + sum(m.received) + sum(m.created) > 0
        order by m.user_id, m.day
    ) as d
    on conflict (user_id, usage_date) do update
    set
        messages_sent = coalesce(u.messages_sent, 0) + excluded.messages_sent,
        messages_received = coalesce(u.messages_received, 0) + excluded.messages_received,
        input_tokens = coalesce(u.input_tokens, 0) + excluded.input_tokens,
        output_tokens = coalesce(u.output_tokens, 0) + excluded.output_tokens,
        total_tokens = coalesce(u.total_tokens, 0) + excluded.total_tokens,
        models_used = case
            when excluded.models_used = '{}' then coalesce(u.models_used, '{}')
            else sterna.add_counts(u.models_used, excluded.models_used)
        end,
        sessions_created = coalesce(u.sessions_created, 0) + excluded.sessions_created,
        generation_ms = coalesce(u.generation_ms, 0) + excluded.generation_ms,
        active_minutes = (coalesce(u.generation_ms, 0) + excluded.generation_ms + 59999) / 60000,
        updated_at = now();

    for total in
        select
            m.user_id,
            sum(m.messages)::bigint as messages,
            sum(m.sent)::integer as sent,
            sum(m.received)::integer as received,
            sum(m.input_tokens)::bigint as input_tokens,
            sum(m.output_tokens)::bigint as output_tokens,
            sum(m.created)::integer as created
        from unnest(p_deltas) as m
        group by m.user_id
        order by m.user_id
    loop
        if total.sent + total.received + total.created > 0 then
            perform sterna.add_to_profile(
                total.user_id, total.messages, total.sent, total.received, total.input_tokens, total.output_tokens,
                total.created
            );
        else
            update public.profiles as p set message_count = p.message_count + total.messages where p.id = total.user_id;
        end if;
    end loop;
end
$$;

-- Counts new conversations once each: one with the id of a deleted conversation was counted before.
create or replace function public.track_session_creation() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    by_day boolean := sterna.is_push();
begin
    if sterna.is_applying() then
        return null;
    end if;
    perform sterna.add_use_of_days(array_agg(row(n.user_id, n.day, null, 0, 0, 0, 0, 0, 0, n.created)::sterna.day_delta))
    from (
        select c.user_id, sterna.use_day(by_day, c.created_at) as day, count(*) as created
        from new_rows as c
        where not exists (select 1 from public.sync_rows as r where r.user_id = c.user_id and r.kind = 'c' and r.id = c.id)
        group by 1, 2
    ) as n
    having count(*) > 0;
    return null;
end
$$;
drop trigger if exists on_session_created on public.chat_sessions;
create trigger on_session_created after insert on public.chat_sessions
referencing new table as new_rows
for each statement execute function public.track_session_creation();

create or replace function public.update_user_stats_on_session() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    if sterna.is_applying() then
        return null;
    end if;
    update public.profiles as p
    set total_conversations = p.total_conversations + n.created, last_session_id = n.last_id, updated_at = now()
    from (
        select
            c.user_id,
            count(*) filter (
                where not exists (
                    select 1 from public.sync_rows as r where r.user_id = c.user_id and r.kind = 'c' and r.id = c.id
                )
            ) as created,
            (array_agg(c.id order by c.place desc))[1] as last_id
        from (select user_id, id, row_number() over () as place from new_rows) as c
        group by c.user_id
    ) as n
    where p.id = n.user_id;
    return null;
end
$$;
drop trigger if exists on_chat_session_created on public.chat_sessions;
create trigger on_chat_session_created after insert on public.chat_sessions
referencing new table as new_rows
for each statement execute function public.update_user_stats_on_session();

-- Changes of messages by a statement: additions by conversation, role and model. Failed messages are included with zeros, because their
-- conversation is updated too.
do $$
begin
    if to_regtype('sterna.message_delta') is null then
        create type sterna.message_delta as (
            user_id uuid,
            session_id text,
            role text,
            model text,
            messages bigint,
            total_tokens bigint,
            input_tokens bigint,
            output_tokens bigint,
            elapsed_ms bigint
        );
    end if;
end
$$;

-- Adds messages to the usage and counters of an account. System messages are counted, but are not usage.
drop function if exists sterna.count_messages(uuid, bigint, integer, integer, bigint, bigint, jsonb, bigint);
create or replace function sterna.count_messages(
    p_user uuid, p_messages bigint, p_sent integer, p_received integer, p_input bigint, p_output bigint, p_models jsonb, p_ms bigint,
    p_day date
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    if p_sent <> 0 or p_received <> 0 or p_input <> 0 or p_output <> 0 or p_ms <> 0 or p_models <> '{}' then
        perform sterna.add_use(
            p_user, p_messages, p_sent, p_received, p_input, p_output, p_models, 0, p_ms, p_day
        );
    elsif p_messages <> 0 then
        update public.profiles as p set message_count = p.message_count + p_messages where p.id = p_user;
    end if;
end
$$;
revoke all on function sterna.count_messages(uuid, bigint, integer, integer, bigint, bigint, jsonb, bigint, date)
from public, anon, authenticated;

-- Adds changes to the usage, with one call per account.
drop function if exists public.track_message_usage(sterna.message_delta []);
create or replace function public.track_message_usage(p_deltas sterna.message_delta [], p_day date) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.count_messages(
        u.user_id, u.messages, u.sent, u.received, u.input_tokens, u.output_tokens, u.models, u.elapsed_ms, p_day
    )
    from (
        select
            m.user_id,
            sum(m.messages)::bigint as messages,
            sum(m.sent)::integer as sent,
            sum(m.received)::integer as received,
            sum(m.input_tokens)::bigint as input_tokens,
            sum(m.output_tokens)::bigint as output_tokens,
            sum(m.elapsed_ms)::bigint as elapsed_ms,
            coalesce(jsonb_object_agg(m.model, m.received) filter (where m.model is not null and m.received <> 0), '{}') as models
        from (
            select
                d.user_id,
                d.model,
                sum(d.messages) as messages,
                coalesce(sum(d.messages) filter (where d.role = 'user'), 0) as sent,
                coalesce(sum(d.messages) filter (where d.role = 'assistant'), 0) as received,
                coalesce(sum(d.input_tokens) filter (where d.role = 'user'), 0) as input_tokens,
                coalesce(sum(d.output_tokens) filter (where d.role = 'assistant'), 0) as output_tokens,
                coalesce(sum(d.elapsed_ms) filter (where d.role = 'assistant'), 0) as elapsed_ms
            from unnest(p_deltas) as d
            group by d.user_id, d.model
        ) as m
        group by m.user_id
        order by m.user_id
    ) as u;
end
$$;
revoke all on function public.track_message_usage(sterna.message_delta [], date) from public, anon, authenticated;

call sterna.reserve(array[
    'public.fill_message_owner()',
    'public.keep_elapsed_in_step()',
    'public.update_session_timestamp()',
    'public.track_session_creation()',
    'public.update_user_stats_on_session()',
    'sterna.use_day(boolean, timestamptz)',
    'sterna.is_push()',
    'sterna.add_use_of_days(sterna.day_delta [])'
]::regprocedure []);

reset role;
