-- What may be asked for by name about conversations. Each function answers about the caller only, unless the server itself asks.

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

-- One row without a message for an empty conversation.
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

-- One conversation of sync_user_conversations. Of a message that is there twice the last one counts; one that was deleted stays deleted.
create or replace function public.sync_user_conversation(p_user_id uuid, p_conversation jsonb) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    c jsonb := p_conversation;
begin
    insert into public.chat_sessions as s (
        user_id, id, title, message_count, total_tokens, last_model, last_message_preview, last_message_timestamp,
        created_at, updated_at
    )
    values (
        p_user_id,
        c ->> 'id',
        coalesce(c ->> 'title', 'New Chat'),
        coalesce((c ->> 'messageCount')::integer, 0),
        coalesce((c ->> 'totalTokens')::bigint, 0),
        c ->> 'lastModel',
        c ->> 'lastMessagePreview',
        (c ->> 'lastMessageTimestamp')::timestamptz,
        coalesce((c ->> 'createdAt')::timestamptz, now()),
        coalesce((c ->> 'updatedAt')::timestamptz, now())
    )
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
        message_timestamp, error_message, is_streaming
    )
    select distinct on (m.value ->> 'id')
        p_user_id,
        c ->> 'id',
        m.value ->> 'id',
        m.value ->> 'role',
        m.value ->> 'content',
        m.value ->> 'model',
        coalesce((m.value ->> 'total_tokens')::integer, 0),
        coalesce((m.value ->> 'input_tokens')::integer, 0),
        coalesce((m.value ->> 'output_tokens')::integer, 0),
        m.value ->> 'user_message_id',
        coalesce((m.value ->> 'timestamp')::timestamptz, now()),
        case when m.value ->> 'error' = 'true' then 'Message failed' end,
        false
    from jsonb_array_elements(
        case when jsonb_typeof(c -> 'messages') = 'array' then c -> 'messages' else '[]' end
    ) with ordinality as m (value, place)
    where not exists (
        select 1
        from public.sync_rows as r
        where r.user_id = p_user_id and r.kind = 'm' and r.id = m.value ->> 'id' and r.deleted_at is not null
    )
    order by m.value ->> 'id', m.place desc
    on conflict (user_id, id) do update set
        content = excluded.content,
        model = excluded.model,
        total_tokens = excluded.total_tokens,
        input_tokens = excluded.input_tokens,
        output_tokens = excluded.output_tokens,
        user_message_id = excluded.user_message_id,
        message_timestamp = excluded.message_timestamp,
        error_message = excluded.error_message;
end
$$;
revoke all on function public.sync_user_conversation(uuid, jsonb) from public, anon, authenticated;

-- Each conversation alone: one that fails says why in a word and leaves the others.
create or replace function public.sync_user_conversations(user_uuid uuid, conversations_data jsonb) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    conversation jsonb;
    synced integer := 0;
    details jsonb := '[]';
    problem text;
begin
    perform sterna.require_own(user_uuid);
    perform public.sync_lock(user_uuid);
    for conversation in
        select value
        from jsonb_array_elements(case when jsonb_typeof(conversations_data) = 'array' then conversations_data else '[]' end)
    loop
        problem := case
            when coalesce(conversation ->> 'id', '') = '' then 'invalid_conversation'
            when length(conversation ->> 'title') > 255 then 'title_too_long'
            when exists (
                select 1
                from public.sync_rows as r
                where r.user_id = user_uuid and r.kind = 'c' and r.id = conversation ->> 'id' and r.deleted_at is not null
            ) then 'conversation_deleted'
        end;
        if problem is null then
            begin
                perform public.sync_user_conversation(user_uuid, conversation);
                synced := synced + 1;
            exception
                when data_exception or integrity_constraint_violation then
                    problem := 'invalid_conversation';
            end;
        end if;
        if problem is not null then
            details := details || jsonb_build_object('conversationId', conversation ->> 'id', 'error', problem);
        end if;
    end loop;
    return jsonb_build_object('synced', synced, 'errors', jsonb_array_length(details), 'details', details);
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
