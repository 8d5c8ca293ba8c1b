-- Triggers of messages: previews and counters of their conversations, and usage. See 06_statistics.sql.

set role sterna_owner;

-- Updates conversations after changes of their messages. Changed messages may also change the usage; new ones have a trigger of their own
-- for that, and deletions do not reduce usage.
create or replace function public.update_session_stats() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    deltas sterna.message_delta [];
    m record;
begin
    if tg_op = 'INSERT' then
        select
            n.user_id,
            n.session_id,
            case when n.error_message <> '' then 0 else 1 end as counted,
            coalesce(n.total_tokens, 0) as tokens,
            exists (select 1 from new_rows offset 1) as is_one_of_many
        into m
        from new_rows as n
        limit 1;
        if not m.is_one_of_many then
            perform sterna.refresh_session(m.user_id, m.session_id, m.counted, m.counted * m.tokens);
            return null;
        end if;
        select array_agg(row(d.*)::sterna.message_delta) into deltas
        from (
            select
                user_id,
                session_id,
                null,
                null,
                count(*) filter (where (error_message <> '') is not true),
                coalesce(sum(total_tokens) filter (where (error_message <> '') is not true), 0),
                0,
                0,
                0
            from new_rows
            group by 1, 2
        ) as d;
    elsif tg_op = 'UPDATE' then
        select array_agg(row(d.*)::sterna.message_delta) into deltas
        from (
            select
                user_id,
                session_id,
                case when counted <> 0 then role end as role,
                case when counted <> 0 and role = 'assistant' then model end as model,
                sum(counted),
                coalesce(sum(counted * total_tokens), 0),
                coalesce(sum(counted * input_tokens), 0),
                coalesce(sum(counted * output_tokens), 0),
                coalesce(sum(counted * elapsed_ms), 0)
            from (
                select case when error_message <> '' then 0 else 1 end as counted, n.* from new_rows as n
                union all
                select case when error_message <> '' then 0 else -1 end as counted, o.* from old_rows as o
            ) as both_rows
            group by 1, 2, 3, 4
        ) as d;
    else
        select array_agg(row(d.*)::sterna.message_delta) into deltas
        from (
            select
                user_id,
                session_id,
                null,
                null,
                -count(*) filter (where (error_message <> '') is not true),
                -coalesce(sum(total_tokens) filter (where (error_message <> '') is not true), 0),
                0,
                0,
                0
            from old_rows
            group by 1, 2
        ) as d;
    end if;
    if deltas is null then
        return null;
    end if;

    perform public.refresh_session_stats(
        array_agg(d.user_id), array_agg(d.session_id), array_agg(d.messages), array_agg(d.total_tokens)
    )
    from unnest(deltas) as d;
    if tg_op <> 'UPDATE' or sterna.is_applying() then
        return null;
    end if;
    perform public.track_message_usage(deltas, (now() at time zone 'UTC')::date);
    return null;
end
$$;

drop trigger if exists on_message_change on public.chat_messages;
create trigger on_message_change after insert on public.chat_messages
referencing new table as new_rows
for each statement execute function public.update_session_stats();

drop trigger if exists on_message_change_update on public.chat_messages;
create trigger on_message_change_update after update on public.chat_messages
referencing old table as old_rows new table as new_rows
for each statement execute function public.update_session_stats();

drop trigger if exists on_message_change_delete on public.chat_messages;
create trigger on_message_change_delete after delete on public.chat_messages
referencing old table as old_rows
for each statement execute function public.update_session_stats();

-- Counts new messages once, when they are inserted.
create or replace function public.update_user_message_count() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    m record;
    by_day boolean := sterna.is_push();
begin
    if sterna.is_applying() then
        return null;
    end if;
    select
        n.user_id,
        n.role,
        n.model,
        n.message_timestamp,
        case when n.error_message <> '' then 0 else 1 end as counted,
        coalesce(n.input_tokens, 0) as input_tokens,
        coalesce(n.output_tokens, 0) as output_tokens,
        coalesce(n.elapsed_ms, 0) as elapsed_ms,
        exists (select 1 from new_rows offset 1) as is_one_of_many
    into m
    from new_rows as n
    limit 1;
    if not m.is_one_of_many then
        if m.counted = 1 then
            perform sterna.count_messages(
                m.user_id,
                1,
                case m.role when 'user' then 1 else 0 end,
                case m.role when 'assistant' then 1 else 0 end,
                case m.role when 'user' then m.input_tokens else 0 end,
                case m.role when 'assistant' then m.output_tokens else 0 end,
                case when m.role = 'assistant' and m.model is not null then jsonb_build_object(m.model, 1) else '{}' end,
                case m.role when 'assistant' then m.elapsed_ms else 0 end,
                sterna.use_day(by_day, m.message_timestamp)
            );
        end if;
        return null;
    end if;
    perform sterna.add_use_of_days(
        array_agg(
            row(
                n.user_id, n.day, n.model, n.messages, n.sent, n.received, n.input_tokens, n.output_tokens, n.elapsed_ms, 0
            )::sterna.day_delta
        )
    )
    from (
        select
            user_id,
            sterna.use_day(by_day, message_timestamp) as day,
            case when role = 'assistant' then model end as model,
            count(*) as messages,
            count(*) filter (where role = 'user') as sent,
            count(*) filter (where role = 'assistant') as received,
            coalesce(sum(input_tokens) filter (where role = 'user'), 0) as input_tokens,
            coalesce(sum(output_tokens) filter (where role = 'assistant'), 0) as output_tokens,
            coalesce(sum(elapsed_ms) filter (where role = 'assistant'), 0) as elapsed_ms
        from new_rows
        where (error_message <> '') is not true
        group by 1, 2, 3
    ) as n
    having count(*) > 0;
    return null;
end
$$;
drop trigger if exists on_chat_message_created on public.chat_messages;
create trigger on_chat_message_created after insert on public.chat_messages
referencing new table as new_rows
for each statement execute function public.update_user_message_count();

call sterna.reserve(array[
    'public.update_session_stats()',
    'public.update_user_message_count()'
]::regprocedure []);

reset role;
