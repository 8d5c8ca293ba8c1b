-- Every change of texts takes a number in the owner's history. Statistics take none.

set role sterna_owner;

-- Creates and locks the caller's head, and returns the newest number; null without a profile. Writers that call it first conflict with
-- other writers of the account only here. A setting remembers the account; forging it only delays the forger.
create or replace function public.sync_lock(p_user_id uuid default null) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    found_seq bigint;
    own uuid := public.current_profile_id();
    owner_id uuid := coalesce(p_user_id, own);
begin
    if p_user_id is not null and p_user_id is distinct from own and current_setting('role') in ('anon', 'authenticated') then
        raise insufficient_privilege using message = 'not yours';
    end if;
    select seq into found_seq from public.sync_head where user_id = owner_id for no key update;
    if not found and owner_id is not null then
        insert into public.sync_head (user_id)
        select id from public.profiles where id = owner_id
        on conflict (user_id) do update set seq = sync_head.seq
        returning seq into found_seq;
    end if;
    if owner_id = own then
        perform set_config('sterna.turn', current_setting('request.jwt.claims', true), true);
    end if;
    return found_seq;
end
$$;

revoke all on function public.sync_lock(uuid) from public, anon;
grant execute on function public.sync_lock(uuid) to authenticated, service_role;


-- Lock for writers of plain SQL, taken before their first row, so that two writers of one account cannot deadlock. Writes that follow from
-- others come after it anyway.
create or replace function public.take_turn() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    perform public.sync_lock();
    return null;
end
$$;

-- Gives each row its own number, from one block per account; the rows must not be empty. A row that was dead counts as new. An edit without
-- a stamp gets the current time, later than that of the replaced value, and keeps its class. A push passes stamps in a setting of its
-- transaction, {"<kind><id>": [cls, time, tie]}, so that each row is written once. Forging it only affects the forger's own rows.
create or replace function public.stamp_rows(
    p_users uuid [], p_kind text, p_ids text [], p_sessions text [], p_dead boolean
) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    stamps jsonb := nullif(current_setting('sterna.stamps', true), '')::jsonb;
begin
    with changed as (
        select
            c.user_id,
            c.id,
            c.session_id,
            row_number() over (partition by c.user_id order by c.place) as place,
            count(*) over (partition by c.user_id) as total
        from unnest(p_users, p_ids, p_sessions) with ordinality as c (user_id, id, session_id, place)
    ),

    heads as (
        insert into public.sync_head (user_id, seq)
        select c.user_id, count(*)
        from changed as c
        group by c.user_id
        order by c.user_id
        on conflict (user_id) do update set seq = sync_head.seq + excluded.seq
        returning user_id, seq
    )

    insert into public.sync_rows (user_id, kind, id, session_id, seq, created_seq, deleted_at, cls, time, tie)
    select
        c.user_id,
        p_kind,
        c.id,
        c.session_id,
        h.seq - c.total + c.place,
        h.seq - c.total + c.place,
        case when p_dead then now() end,
        coalesce((stamps -> (p_kind || c.id) ->> 0)::smallint, 0),
        coalesce((stamps -> (p_kind || c.id) ->> 1)::bigint, (extract(epoch from now()) * 1000)::bigint),
        coalesce(stamps -> (p_kind || c.id) ->> 2, '')
    from changed as c
    inner join heads as h on h.user_id = c.user_id
    on conflict (user_id, kind, id) do update set
        session_id = excluded.session_id,
        seq = excluded.seq,
        created_seq = case
            when sync_rows.deleted_at is not null and excluded.deleted_at is null then excluded.created_seq
            else sync_rows.created_seq
        end,
        deleted_at = excluded.deleted_at,
        cls = case when stamps ? (p_kind || sync_rows.id) then excluded.cls else sync_rows.cls end,
        time = case
            when stamps ? (p_kind || sync_rows.id) then excluded.time
            else least(greatest(excluded.time, sync_rows.time + 1), 9007199254740992) -- see LARGEST
        end,
        tie = excluded.tie,
        ver = sync_rows.ver + 1;
end
$$;
revoke all on function public.stamp_rows(uuid [], text, text [], text [], boolean) from public, anon, authenticated;

-- Gives a number to a single row, the usual case.
create or replace function sterna.stamp_row(p_user uuid, p_kind text, p_id text, p_session text) returns void
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    given bigint;
    stamp jsonb := nullif(current_setting('sterna.stamps', true), '')::jsonb -> (p_kind || p_id);
begin
    update public.sync_head as h set seq = h.seq + 1 where h.user_id = p_user returning h.seq into given;
    if not found then
        perform public.stamp_rows(array[p_user], p_kind, array[p_id], array[p_session], false);
        return;
    end if;
    insert into public.sync_rows (user_id, kind, id, session_id, seq, created_seq, cls, time, tie)
    values (
        p_user,
        p_kind,
        p_id,
        p_session,
        given,
        given,
        coalesce((stamp ->> 0)::smallint, 0),
        coalesce((stamp ->> 1)::bigint, (extract(epoch from now()) * 1000)::bigint),
        coalesce(stamp ->> 2, '')
    )
    on conflict (user_id, kind, id) do update set
        session_id = excluded.session_id,
        seq = excluded.seq,
        created_seq = case when sync_rows.deleted_at is null then sync_rows.created_seq else excluded.created_seq end,
        deleted_at = null,
        cls = case when stamp is null then sync_rows.cls else excluded.cls end,
        time = case
            when stamp is null then least(greatest(excluded.time, sync_rows.time + 1), 9007199254740992) else excluded.time
        end,
        tie = excluded.tie,
        ver = sync_rows.ver + 1;
end
$$;
revoke all on function sterna.stamp_row(uuid, text, text, text) from public, anon, authenticated;

-- Numbers inserted rows.
create or replace function public.stamp_inserted() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    users uuid [];
    ids text [];
    sessions text [];
    m record;
begin
    if tg_table_name = 'chat_messages' then
        select n.user_id, n.id, n.session_id, exists (select 1 from new_rows offset 1) as is_one_of_many into m
        from new_rows as n
        limit 1;
        if not m.is_one_of_many then
            perform sterna.stamp_row(m.user_id, tg_argv[0], m.id, m.session_id);
            return null;
        end if;
    end if;
    if tg_table_name = 'chat_sessions' then
        select array_agg(user_id), array_agg(id), array_agg(id) into users, ids, sessions from new_rows;
    elsif tg_table_name = 'chat_messages' then
        select array_agg(user_id), array_agg(id), array_agg(session_id) into users, ids, sessions from new_rows;
    else
        select array_agg(user_id), array_agg(session_id || '/' || key), array_agg(session_id)
        into users, ids, sessions
        from new_rows;
    end if;
    if users is not null then
        perform public.stamp_rows(users, tg_argv[0], ids, sessions, false);
    end if;
    return null;
end
$$;

do $$
begin
    if to_regtype('sterna.changed_row') is null then
        create type sterna.changed_row as (user_id uuid, id text, session_id text, gone boolean);
    end if;
end
$$;

-- Numbers rows whose text changed. A changed key counts as a new row and a tombstone of the old one.
create or replace function public.stamp_updated() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    changed sterna.changed_row [];
    is_unchanged boolean;
begin
    if tg_table_name = 'chat_sessions' then
        -- statistics of one conversation, as after each message
        select (o.user_id, o.id, o.title) = (n.user_id, n.id, n.title) and not exists (select 1 from new_rows offset 1)
        into is_unchanged
        from old_rows as o
        cross join new_rows as n
        limit 1;
        if is_unchanged then
            return null;
        end if;
        select array_agg(row(c.*)::sterna.changed_row) into changed
        from (
            select coalesce(n.user_id, o.user_id), coalesce(n.id, o.id), coalesce(n.id, o.id), n.id is null
            from old_rows as o
            full join new_rows as n on n.user_id = o.user_id and n.id = o.id
            where n.title is distinct from o.title
        ) as c;
    elsif tg_table_name = 'chat_messages' then
        select array_agg(row(c.*)::sterna.changed_row) into changed
        from (
            select
                coalesce(n.user_id, o.user_id),
                coalesce(n.id, o.id),
                coalesce(n.session_id, o.session_id),
                n.id is null
            from old_rows as o
            full join new_rows as n on n.user_id = o.user_id and n.id = o.id
            where
                (
                    o.session_id, o.role, o.content, o.model, o.total_tokens, o.input_tokens, o.output_tokens,
                    o.user_message_id, o.content_type, o.completion_id, o.message_timestamp, o.error_message,
                    o.is_streaming, o.metadata, o.elapsed_ms, o.raw_message, o.reasoning, o.reasoning_details,
                    o.has_attachments, o.attachment_count, o.has_websearch, o.websearch_result_count,
                    o.output_image_tokens, o.annotations, o.parent_id
                ) is distinct from (
                    n.session_id, n.role, n.content, n.model, n.total_tokens, n.input_tokens, n.output_tokens,
                    n.user_message_id, n.content_type, n.completion_id, n.message_timestamp, n.error_message,
                    n.is_streaming, n.metadata, n.elapsed_ms, n.raw_message, n.reasoning, n.reasoning_details,
                    n.has_attachments, n.attachment_count, n.has_websearch, n.websearch_result_count,
                    n.output_image_tokens, n.annotations, n.parent_id
                )
        ) as c;
    else
        select array_agg(row(c.*)::sterna.changed_row) into changed
        from (
            select
                coalesce(n.user_id, o.user_id),
                coalesce(n.session_id, o.session_id) || '/' || coalesce(n.key, o.key),
                coalesce(n.session_id, o.session_id),
                n.key is null
            from old_rows as o
            full join new_rows as n on n.user_id = o.user_id and n.session_id = o.session_id and n.key = o.key
            where n.value is distinct from o.value
        ) as c;
    end if;
    if changed is not null then
        perform public.stamp_rows(
            array_agg(c.user_id), tg_argv[0], array_agg(c.id), array_agg(c.session_id), c.gone
        )
        from unnest(changed) as c
        group by c.gone
        order by c.gone;
    end if;
    return null;
end
$$;

-- The tombstone of a conversation covers its messages and settings, which leave no rows. Nothing is stored for a deleted account.
create or replace function public.stamp_deleted_sessions() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    users uuid [];
    ids text [];
begin
    select array_agg(o.user_id), array_agg(o.id) into users, ids
    from old_rows as o
    where exists (select 1 from public.profiles as p where p.id = o.user_id);
    if users is not null then
        perform public.stamp_rows(users, 'c', ids, ids, true);
        delete from public.sync_rows as r
        using unnest(users, ids) as o (user_id, id)
        where r.user_id = o.user_id and r.session_id = o.id and r.deleted_at is not null and r.kind <> 'c';
    end if;
    return null;
end
$$;

-- Messages and settings that are deleted from a live conversation leave tombstones; those deleted with their conversation leave none.
create or replace function public.stamp_deleted() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    users uuid [];
    ids text [];
    sessions text [];
begin
    if tg_table_name = 'chat_messages' then
        select array_agg(o.user_id), array_agg(o.id), array_agg(o.session_id) into users, ids, sessions from old_rows as o;
    else
        select array_agg(o.user_id), array_agg(o.session_id || '/' || o.key), array_agg(o.session_id)
        into users, ids, sessions
        from old_rows as o;
    end if;
    if users is null then
        return null;
    end if;
    delete from public.sync_rows as r
    using unnest(users, ids, sessions) as o (user_id, id, session_id)
    where
        r.user_id = o.user_id
        and r.kind = tg_argv[0]
        and r.id = o.id
        and not exists (select 1 from public.chat_sessions as s where s.user_id = o.user_id and s.id = o.session_id);

    select array_agg(o.user_id), array_agg(o.id), array_agg(o.session_id) into users, ids, sessions
    from unnest(users, ids, sessions) as o (user_id, id, session_id)
    where exists (select 1 from public.chat_sessions as s where s.user_id = o.user_id and s.id = o.session_id);
    if users is not null then
        perform public.stamp_rows(users, tg_argv[0], ids, sessions, true);
    end if;
    return null;
end
$$;

-- Deleting an account deletes its history.
create or replace function public.forget_sync_rows() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
as $$
begin
    delete from public.sync_rows as r
    using old_rows as o
    where r.user_id = o.user_id and not exists (select 1 from public.profiles as p where p.id = o.user_id);
    return null;
end
$$;
drop trigger if exists sync_forget on public.sync_head;
create trigger sync_forget after delete on public.sync_head
referencing old table as old_rows
for each statement execute function public.forget_sync_rows();

call sterna.reserve(array[
    'public.take_turn()',
    'public.stamp_inserted()',
    'public.stamp_updated()',
    'public.stamp_deleted_sessions()',
    'public.stamp_deleted()',
    'public.forget_sync_rows()'
]::regprocedure []);

reset role;
