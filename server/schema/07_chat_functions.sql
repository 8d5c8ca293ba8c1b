-- Functions about conversations. They return data of the caller only, unless the server calls them.

set role sterna_owner;

create or replace function public.get_user_recent_sessions(user_uuid uuid, session_limit integer default 10)
returns table (
    id text,
    title varchar(255),
    created_at timestamptz,
    updated_at timestamptz,
    last_activity timestamptz,
    message_count integer,
    total_tokens bigint,
    last_model varchar(100),
    is_active boolean,
    last_message_preview text,
    last_message_timestamp timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.require_own(user_uuid);
    return query
    select
        s.id,
        s.title,
        s.created_at,
        s.updated_at,
        s.last_activity,
        s.message_count,
        s.total_tokens,
        s.last_model,
        s.is_active,
        s.last_message_preview,
        s.last_message_timestamp
    from public.chat_sessions as s
    where s.user_id = user_uuid
    order by s.updated_at desc, s.id desc
    limit least(greatest(coalesce(session_limit, 1000), 0), 1000);
end
$$;

-- Returns one row without a message for an empty conversation.
create or replace function public.get_session_with_messages(session_text_id text, requesting_user_uuid uuid)
returns table (
    session_id text,
    session_title varchar(255),
    session_created_at timestamptz,
    session_updated_at timestamptz,
    message_id text,
    message_role varchar(20),
    message_content text,
    message_model varchar(100),
    message_tokens integer,
    message_timestamp timestamptz,
    message_metadata jsonb
)
language plpgsql
stable
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.require_own(requesting_user_uuid);
    return query
    select
        s.id,
        s.title,
        s.created_at,
        s.updated_at,
        m.id,
        m.role,
        m.content,
        m.model,
        m.total_tokens,
        m.message_timestamp,
        m.metadata
    from public.chat_sessions as s
    left join public.chat_messages as m on m.user_id = s.user_id and m.session_id = s.id
    where s.user_id = requesting_user_uuid and s.id = session_text_id
    order by m.message_timestamp, m.id;
    if not found then
        raise exception 'Session not found or access denied';
    end if;
end
$$;

-- Reason why an item of sync_user_conversations cannot be stored, as far as it can be determined without writing; null without one.
create or replace function sterna.problem_of_conversation(p_conversation jsonb) returns text
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    c jsonb := p_conversation;
    is_storable boolean;
    cast_number bigint; -- the results of the casts are not used
    cast_time timestamptz;
begin
    if coalesce(c ->> 'id', '') = '' then
        return 'invalid_conversation';
    end if;
    if length(c ->> 'title') > 255 then
        return 'title_too_long';
    end if;
    is_storable := coalesce(length(c ->> 'lastModel'), 0) <= 100;
    cast_number := (c ->> 'messageCount')::bigint;
    cast_number := (c ->> 'totalTokens')::bigint;
    cast_time := (c ->> 'lastMessageTimestamp')::timestamptz;
    cast_time := (c ->> 'createdAt')::timestamptz;
    cast_time := (c ->> 'updatedAt')::timestamptz;
    if is_storable and jsonb_typeof(c -> 'messages') = 'array' then
        select coalesce(bool_and(
            m ->> 'id' is not null
            and coalesce(m ->> 'role' in ('user', 'assistant', 'system'), false)
            and m ->> 'content' is not null
            and coalesce(length(m ->> 'model'), 0) <= 100
            and coalesce((m ->> 'total_tokens')::bigint, 0) >= 0
            and coalesce((m ->> 'input_tokens')::bigint, 0) >= 0
            and coalesce((m ->> 'output_tokens')::bigint, 0) >= 0
            and coalesce((m ->> 'timestamp')::timestamptz, 'epoch') >= '-infinity'
        ), true)
        into is_storable
        from jsonb_array_elements(c -> 'messages') as m;
    end if;
    return case when not is_storable then 'invalid_conversation' end;
exception
    when data_exception then
        return 'invalid_conversation';
end
$$;
revoke all on function sterna.problem_of_conversation(jsonb) from public, anon, authenticated;

-- Stores conversations of sync_user_conversations with two statements: one per conversation would traverse all versions of the account's
-- counters. Of duplicates the last one counts; deleted messages stay deleted.
drop function if exists public.sync_user_conversation(uuid, jsonb);
create or replace function sterna.store_conversations(p_user_id uuid, p_conversations jsonb) returns void
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    insert into public.chat_sessions as s (
        user_id, id, title, message_count, total_tokens, last_model, last_message_preview, last_message_timestamp,
        created_at, updated_at
    )
    select
        p_user_id,
        i.id,
        coalesce(i.c ->> 'title', 'New Chat'),
        least(coalesce((i.c ->> 'messageCount')::bigint, 0), 2147483647),
        coalesce((i.c ->> 'totalTokens')::bigint, 0),
        i.c ->> 'lastModel',
        i.c ->> 'lastMessagePreview',
        (i.c ->> 'lastMessageTimestamp')::timestamptz,
        coalesce(i.first_created::timestamptz, now()),
        coalesce((i.c ->> 'updatedAt')::timestamptz, now())
    from (
        select distinct on (e.c ->> 'id')
            e.c,
            e.c ->> 'id' as id,
            e.place,
            first_value(e.c ->> 'createdAt') over (partition by e.c ->> 'id' order by e.place) as first_created
        from jsonb_array_elements(p_conversations) with ordinality as e (c, place)
        order by e.c ->> 'id', e.place desc
    ) as i
    order by i.place
    on conflict (user_id, id) do update set
        title = excluded.title,
        message_count = excluded.message_count,
        total_tokens = excluded.total_tokens,
        last_model = excluded.last_model,
        last_message_preview = excluded.last_message_preview,
        last_message_timestamp = excluded.last_message_timestamp,
        updated_at = excluded.updated_at
    where s.user_id = p_user_id;

    insert into public.chat_messages (
        user_id, session_id, id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
        message_timestamp, error_message, is_streaming, parent_id
    )
    select
        p_user_id,
        i.session_id,
        i.m ->> 'id',
        i.m ->> 'role',
        i.m ->> 'content',
        i.m ->> 'model',
        least(coalesce((i.m ->> 'total_tokens')::bigint, 0), 2147483647),
        least(coalesce((i.m ->> 'input_tokens')::bigint, 0), 2147483647),
        least(coalesce((i.m ->> 'output_tokens')::bigint, 0), 2147483647),
        i.m ->> 'user_message_id',
        coalesce(
            (i.m ->> 'timestamp')::timestamptz + i.later * interval '1 microsecond',
            (
                select k.message_timestamp
                from public.chat_messages as k
                where k.user_id = p_user_id and k.id = i.m ->> 'id'
            ),
            coalesce(i.nearest, now()) + i.later * interval '1 microsecond'
        ),
        case when i.m ->> 'error' = 'true' then 'Message failed' end,
        false,
        i.m ->> 'parent_id'
    from (
        select distinct on (s.value ->> 'id')
            s.value as m,
            first_value(s.session_id) over (partition by s.value ->> 'id' order by s.conversation_place, s.place) as session_id,
            s.conversation_place,
            s.place,
            s.nearest,
            -- messages of the same time follow each other at intervals of a microsecond
            row_number() over (partition by s.conversation_place, s.nearest order by s.place) - 1 as later
        from (
            select
                t.*,
                -- a message without a time gets that of the nearest one before it, else of the nearest one after it
                case
                    when t.run > 0 then first_value(t.at) over (partition by t.conversation_place, t.run order by t.place)
                    else first_value(t.at) over (partition by t.conversation_place order by t.at is null, t.place)
                end as nearest
            from (
                select
                    m.value,
                    e.c ->> 'id' as session_id,
                    e.place as conversation_place,
                    m.place,
                    (m.value ->> 'timestamp')::timestamptz as at,
                    count(m.value ->> 'timestamp') over (partition by e.place order by m.place) as run
                from jsonb_array_elements(p_conversations) with ordinality as e (c, place)
                cross join lateral jsonb_array_elements(
                    case when jsonb_typeof(e.c -> 'messages') = 'array' then e.c -> 'messages' else '[]' end
                ) with ordinality as m (value, place)
            ) as t
        ) as s
        order by s.value ->> 'id', s.conversation_place desc, s.place desc
    ) as i
    where not exists (
        select 1
        from public.sync_rows as r
        where r.user_id = p_user_id and r.kind = 'm' and r.id = i.m ->> 'id' and r.deleted_at is not null
    )
    order by i.conversation_place, i.place
    on conflict (user_id, id) do update set
        content = excluded.content,
        model = excluded.model,
        total_tokens = excluded.total_tokens,
        input_tokens = excluded.input_tokens,
        output_tokens = excluded.output_tokens,
        user_message_id = excluded.user_message_id,
        -- stored microseconds keep messages of one millisecond in order, so the same millisecond does not overwrite them
        message_timestamp = case
            when
                date_trunc('milliseconds', chat_messages.message_timestamp)
                = date_trunc('milliseconds', excluded.message_timestamp)
                and (
                    chat_messages.message_timestamp <> date_trunc('milliseconds', chat_messages.message_timestamp)
                    or excluded.message_timestamp = date_trunc('milliseconds', excluded.message_timestamp)
                )
            then chat_messages.message_timestamp
            else excluded.message_timestamp
        end,
        error_message = excluded.error_message,
        parent_id = coalesce(excluded.parent_id, chat_messages.parent_id);
end
$$;
revoke all on function sterna.store_conversations(uuid, jsonb) from public, anon, authenticated;

-- Stores valid items and returns the positions of the others, which are found by bisection.
create or replace function sterna.store_or_name(p_user_id uuid, p_items jsonb [], p_places integer []) returns integer []
language plpgsql
set search_path = pg_catalog
as $$
declare
    many integer := cardinality(p_items);
begin
    if many = 0 then
        return '{}';
    end if;
    begin
        perform sterna.store_conversations(p_user_id, to_jsonb(p_items));
        return '{}';
    exception
        when data_exception or integrity_constraint_violation then
            null;
    end;
    if many = 1 then
        return p_places;
    end if;
    return sterna.store_or_name(p_user_id, p_items[:many / 2], p_places[:many / 2])
        || sterna.store_or_name(p_user_id, p_items[many / 2 + 1:], p_places[many / 2 + 1:]);
end
$$;
revoke all on function sterna.store_or_name(uuid, jsonb [], integer []) from public, anon, authenticated;

-- Stores up to 1,000 conversations with 10,000 messages. One that fails returns an error code and does not affect the others.
create or replace function public.sync_user_conversations(user_uuid uuid, conversations_data jsonb) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    items jsonb [];
    problems text [];
    places integer [];
    failed integer [];
    details jsonb;
begin
    perform sterna.require_own(user_uuid);
    if jsonb_typeof(conversations_data) is distinct from 'array' then
        return jsonb_build_object('synced', 0, 'errors', 0, 'details', '[]'::jsonb);
    end if;
    if jsonb_array_length(conversations_data) > 1000 or (
        select sum(jsonb_array_length(value -> 'messages'))
        from jsonb_array_elements(conversations_data)
        where jsonb_typeof(value -> 'messages') = 'array'
    ) > 10000 then
        raise invalid_parameter_value using message = 'At most 1,000 conversations and 10,000 messages are taken at once.';
    end if;
    perform public.sync_lock(user_uuid);
    select array_agg(value order by place), array_agg(sterna.problem_of_conversation(value) order by place)
    into items, problems
    from jsonb_array_elements(conversations_data) with ordinality as e (value, place);
    for place in 1..coalesce(cardinality(items), 0) loop
        if problems[place] is null and exists (
            select 1
            from public.sync_rows as r
            where r.user_id = user_uuid and r.kind = 'c' and r.id = items[place] ->> 'id' and r.deleted_at is not null
        ) then
            problems[place] := 'conversation_deleted';
        end if;
    end loop;
    select array_agg(p.place order by p.place) into places
    from unnest(problems) with ordinality as p (problem, place)
    where p.problem is null;
    failed := sterna.store_or_name(
        user_uuid, (select array_agg(items[place] order by place) from unnest(places) as place), places
    );
    select coalesce(jsonb_agg(
        jsonb_build_object('conversationId', items[p.place] ->> 'id', 'error', coalesce(p.problem, 'invalid_conversation'))
        order by p.place
    ), '[]') into details
    from unnest(problems) with ordinality as p (problem, place)
    where p.problem is not null or p.place = any(failed);
    return jsonb_build_object(
        'synced', jsonb_array_length(conversations_data) - jsonb_array_length(details),
        'errors', jsonb_array_length(details),
        'details', details
    );
end
$$;

call sterna.reserve(array[
    'public.get_user_recent_sessions(uuid, integer)',
    'public.get_session_with_messages(text, uuid)',
    'public.sync_user_conversations(uuid, jsonb)'
]::regprocedure []);
grant execute on function public.get_user_recent_sessions(uuid, integer) to authenticated;
grant execute on function public.get_session_with_messages(text, uuid) to authenticated;
grant execute on function public.sync_user_conversations(uuid, jsonb) to authenticated;

reset role;
