-- Counters and preview of conversations, updated at a cost that does not depend on their length.

set role sterna_owner;

-- Adds to the counters of a conversation, and updates its preview. The newest messages are found in one index. Ordering by a rank that has
-- only one value makes the planner use that index.
create or replace function sterna.refresh_session(p_user uuid, p_session text, p_messages bigint, p_tokens bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
    counted record;
    newest public.chat_messages;
    named public.chat_messages;
    talk public.chat_messages;
    system_at timestamptz;
    talk_is_newest boolean;
begin
    if p_messages = 0 and p_tokens = 0 then
        select c.messages, c.tokens into counted
        from public.session_counts as c
        where c.user_id = p_user and c.session_id = p_session
        for no key update;
    else
        update public.session_counts as c
        set messages = c.messages + p_messages, tokens = c.tokens + p_tokens
        where c.user_id = p_user and c.session_id = p_session
        returning c.messages, c.tokens into counted;
    end if;
    if not found then
        -- no row for a conversation that is being deleted
        insert into public.session_counts as c (user_id, session_id, messages, tokens)
        select s.user_id, s.id, p_messages, p_tokens
        from public.chat_sessions as s
        where s.user_id = p_user and s.id = p_session
        on conflict (user_id, session_id) do update set
            messages = c.messages + excluded.messages, tokens = c.tokens + excluded.tokens
        returning c.messages, c.tokens into counted;
        if not found then
            return;
        end if;
    end if;

    -- the rank of the newest message usually makes the other queries unnecessary
    select m.* into newest
    from public.chat_messages as m
    where m.user_id = p_user and m.session_id = p_session
    order by m.message_timestamp desc, m.id desc
    limit 1;
    case public.message_standing(newest.role, newest.model, newest.error_message)
        when 0 then named := newest;
        when 1 then talk := newest;
        else null;
    end case;
    if named.id is null then
        select m.* into named
        from public.chat_messages as m
        where m.user_id = p_user and m.session_id = p_session
            and public.message_standing(m.role, m.model, m.error_message) <= 0
        order by public.message_standing(m.role, m.model, m.error_message) desc, m.message_timestamp desc, m.id desc
        limit 1;
        if talk.id is null then
            select m.* into talk
            from public.chat_messages as m
            where m.user_id = p_user and m.session_id = p_session
                and public.message_standing(m.role, m.model, m.error_message) between 1 and 1
            order by public.message_standing(m.role, m.model, m.error_message) desc, m.message_timestamp desc, m.id desc
            limit 1;
            select m.message_timestamp into system_at
            from public.chat_messages as m
            where m.user_id = p_user and m.session_id = p_session
                and public.message_standing(m.role, m.model, m.error_message) >= 2
            order by public.message_standing(m.role, m.model, m.error_message) desc, m.message_timestamp desc, m.id desc
            limit 1;
        end if;
    end if;
    talk_is_newest := talk.id is not null
        and (named.id is null or (talk.message_timestamp, talk.id) > (named.message_timestamp, named.id));

    update public.chat_sessions as s
    set
        message_count = counted.messages,
        total_tokens = counted.tokens,
        last_model = named.model,
        last_message_timestamp = greatest(named.message_timestamp, talk.message_timestamp, system_at),
        last_message_preview = left(case when talk_is_newest then talk.content else named.content end, 200),
        last_message = case
            when talk_is_newest then jsonb_build_object(
                'id', talk.id, 'role', talk.role, 'content', talk.content, 'model', null,
                'created_at', to_char(talk.message_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            )
            when named.id is not null then jsonb_build_object(
                'id', named.id, 'role', named.role, 'content', named.content, 'model', named.model,
                'created_at', to_char(named.message_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            )
        end
    where s.user_id = p_user and s.id = p_session;
end
$$;
revoke all on function sterna.refresh_session(uuid, text, bigint, bigint) from public, anon, authenticated;

-- Updates many conversations in one step.
create or replace function public.refresh_session_stats(
    p_users uuid [], p_sessions text [], p_messages bigint [], p_tokens bigint []
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    -- no row for a conversation that is being deleted
    insert into public.session_counts (user_id, session_id, messages, tokens)
    select s.user_id, s.id, sum(t.messages), sum(t.tokens)
    from unnest(p_users, p_sessions, p_messages, p_tokens) as t (user_id, session_id, messages, tokens)
    inner join public.chat_sessions as s on s.user_id = t.user_id and s.id = t.session_id
    group by s.user_id, s.id
    order by s.user_id, s.id
    on conflict (user_id, session_id) do update set
        messages = session_counts.messages + excluded.messages,
        tokens = session_counts.tokens + excluded.tokens
    where excluded.messages <> 0 or excluded.tokens <> 0;

    update public.chat_sessions as s
    set
        message_count = c.messages,
        total_tokens = c.tokens,
        last_model = named.model,
        last_message_timestamp = greatest(named.at, talk.at, system.at),
        last_message_preview = left(case when talk.is_newest then talk.content else named.content end, 200),
        last_message = case
            when talk.is_newest then jsonb_build_object(
                'id', talk.id, 'role', talk.role, 'content', talk.content, 'model', null, 'created_at', talk.shown_at
            )
            when named.id is not null then jsonb_build_object(
                'id', named.id, 'role', named.role, 'content', named.content, 'model', named.model,
                'created_at', named.shown_at
            )
        end
    from (select distinct u.user_id, u.session_id from unnest(p_users, p_sessions) as u (user_id, session_id)) as t
    inner join public.session_counts as c on c.user_id = t.user_id and c.session_id = t.session_id
    left join lateral (
        select
            m.id,
            m.role,
            m.content,
            m.model,
            m.message_timestamp as at,
            to_char(m.message_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as shown_at
        from public.chat_messages as m
        where m.user_id = t.user_id and m.session_id = t.session_id
            and public.message_standing(m.role, m.model, m.error_message) <= 0
        order by public.message_standing(m.role, m.model, m.error_message) desc, m.message_timestamp desc, m.id desc
        limit 1
    ) as named on true
    left join lateral (
        select
            m.id,
            m.role,
            m.content,
            m.message_timestamp as at,
            to_char(m.message_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as shown_at,
            named.id is null or (m.message_timestamp, m.id) > (named.at, named.id) as is_newest
        from public.chat_messages as m
        where m.user_id = t.user_id and m.session_id = t.session_id
            and public.message_standing(m.role, m.model, m.error_message) between 1 and 1
        order by public.message_standing(m.role, m.model, m.error_message) desc, m.message_timestamp desc, m.id desc
        limit 1
    ) as talk on true
    left join lateral (
        select m.message_timestamp as at
        from public.chat_messages as m
        where m.user_id = t.user_id and m.session_id = t.session_id
            and public.message_standing(m.role, m.model, m.error_message) >= 2
        order by public.message_standing(m.role, m.model, m.error_message) desc, m.message_timestamp desc, m.id desc
        limit 1
    ) as system on true
    where s.user_id = t.user_id and s.id = t.session_id;
end
$$;
revoke all on function public.refresh_session_stats(uuid [], text [], bigint [], bigint []) from public, anon, authenticated;

reset role;
