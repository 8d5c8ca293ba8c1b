-- Functions of pushes: names of commits, stored responses, overtaken values, and the trash.

set role sterna_owner;

-- Values that were replaced by authors who had not seen them. They are removed when their row leaves the trash.
create table if not exists public.message_history (
    user_id uuid not null,
    kind text collate "C" not null,
    id text collate "C" not null,
    seq bigint not null,
    session_id text collate "C" not null,
    value jsonb not null,
    kept_at timestamptz not null default now(),
    constraint message_history_pkey primary key (user_id, kind, id, seq),
    constraint message_history_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

-- Deleted rows with their stamps, kept for thirty days.
create table if not exists public.sync_trash (
    user_id uuid not null,
    kind text collate "C" not null,
    id text collate "C" not null,
    session_id text collate "C" not null,
    with_session boolean not null, -- deleted with its conversation
    seq bigint not null,
    cls smallint not null,
    time bigint not null,
    tie text collate "C" not null,
    payload jsonb, -- null if only the deletion is known
    binned_at timestamptz not null default now(),
    constraint sync_trash_pkey primary key (user_id, kind, id),
    constraint sync_trash_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);
create index if not exists idx_sync_trash_session on public.sync_trash (user_id, session_id);
create index if not exists idx_sync_trash_binned_at on public.sync_trash using brin (binned_at);

create index if not exists idx_sync_commit_committed_at on public.sync_commit using brin (committed_at);

call sterna.guard('{public.message_history, public.sync_trash}');

drop policy if exists message_history_own on public.message_history;
create policy message_history_own on public.message_history for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.message_history to authenticated;

drop policy if exists sync_trash_own on public.sync_trash;
create policy sync_trash_own on public.sync_trash for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.sync_trash to authenticated;

-- Moves deleted rows to the trash, before their stamps are removed. Nothing is stored for a deleted account. A conversation takes its
-- tombstones along, which are restored with it so that old copies do not revive deleted messages. The offsets keep PostgreSQL from building
-- the JSON of a row repeatedly.
create or replace function public.bin_deleted() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    insert into public.sync_trash as t (user_id, kind, id, session_id, with_session, seq, cls, time, tie, payload)
    select
        o.user_id,
        tg_argv[0],
        o.id,
        o.session_id,
        tg_argv[0] <> 'c' and not exists (
            select 1 from public.chat_sessions as s where s.user_id = o.user_id and s.id = o.session_id
        ),
        coalesce(r.seq, 0),
        coalesce(r.cls, 0),
        coalesce(r.time, 0),
        coalesce(r.tie, ''),
        o.payload
    from (
        select
            (d.payload ->> 'user_id')::uuid as user_id,
            case tg_argv[0]
                when 's' then (d.payload ->> 'session_id') || '/' || (d.payload ->> 'key')
                else d.payload ->> 'id'
            end as id,
            case tg_argv[0] when 'c' then d.payload ->> 'id' else d.payload ->> 'session_id' end as session_id,
            d.payload
        from (select to_jsonb(x) as payload from old_rows as x offset 0) as d
        offset 0
    ) as o
    left join public.sync_rows as r on r.user_id = o.user_id and r.kind = tg_argv[0] and r.id = o.id
    where exists (select 1 from public.profiles as p where p.id = o.user_id)
    on conflict (user_id, kind, id) do update set
        session_id = excluded.session_id,
        with_session = excluded.with_session,
        seq = excluded.seq,
        cls = excluded.cls,
        time = excluded.time,
        tie = excluded.tie,
        payload = excluded.payload,
        binned_at = excluded.binned_at;
    if tg_argv[0] = 'c' then
        insert into public.sync_trash as t (user_id, kind, id, session_id, with_session, seq, cls, time, tie)
        select r.user_id, r.kind, r.id, r.session_id, false, r.seq, r.cls, r.time, r.tie
        from old_rows as o
        inner join public.sync_rows as r on r.user_id = o.user_id and r.session_id = o.id and r.deleted_at is not null
        where r.kind <> 'c' and exists (select 1 from public.profiles as p where p.id = o.user_id)
        on conflict (user_id, kind, id) do update set
            with_session = false,
            seq = excluded.seq,
            cls = excluded.cls,
            time = excluded.time,
            tie = excluded.tie,
            binned_at = excluded.binned_at
        where t.session_id = excluded.session_id;
    end if;
    return null;
end
$$;

do $$
declare
    t text;
    kind text;
begin
    for t, kind in values ('chat_sessions', 'c'), ('chat_messages', 'm'), ('session_settings', 's') loop
        execute format('drop trigger if exists sync_bin on public.%I', t);
        execute format(
            'create trigger sync_bin after delete on public.%I referencing old table as old_rows '
            'for each statement execute function public.bin_deleted(%L)', t, kind
        );
    end loop;
end
$$;

-- Restores a conversation or message of the caller from the trash, with its times and stamps and without counting usage again. Messages
-- that were deleted before the conversation stay deleted.
create or replace function public.sync_restore(p_kind text, p_id text) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    own uuid := public.current_profile_id();
    binned record;
    ids text [];
    dead_kind text;
begin
    select t.payload, t.session_id into binned
    from public.sync_trash as t
    where t.user_id = own and t.kind = p_kind and t.id = p_id and t.payload is not null;
    if not found then
        return false;
    end if;
    perform public.sync_applying(true);
    if p_kind = 'c' then
        insert into public.chat_sessions
        select (jsonb_populate_record(null::public.chat_sessions, binned.payload)).*;
        insert into public.chat_messages
        select (jsonb_populate_record(null::public.chat_messages, t.payload)).*
        from public.sync_trash as t
        where t.user_id = own and t.session_id = p_id and t.kind = 'm' and t.with_session
        order by t.seq
        on conflict (user_id, id) do nothing;
        insert into public.session_settings
        select (jsonb_populate_record(null::public.session_settings, t.payload)).*
        from public.sync_trash as t
        where t.user_id = own and t.session_id = p_id and t.kind = 's' and t.with_session
        order by t.seq;
        foreach dead_kind in array array['m', 's'] loop
            select array_agg(t.id order by t.seq) into ids
            from public.sync_trash as t
            where t.user_id = own and t.session_id = p_id and t.kind = dead_kind and not t.with_session
                and not exists (
                    select 1 from public.sync_rows as r where r.user_id = own and r.kind = t.kind and r.id = t.id
                );
            if ids is not null then
                perform public.stamp_rows(
                    array_fill(own, array[cardinality(ids)]), dead_kind, ids, array_fill(p_id, array[cardinality(ids)]), true
                );
            end if;
        end loop;
    else
        insert into public.chat_messages
        select (jsonb_populate_record(null::public.chat_messages, binned.payload)).*;
    end if;
    perform public.sync_applying(false);
    update public.sync_rows as r
    set cls = t.cls, time = t.time, tie = t.tie
    from public.sync_trash as t
    where t.user_id = own and r.user_id = own and r.kind = t.kind and r.id = t.id and r.session_id = t.session_id
        and (t.kind = p_kind and t.id = p_id or p_kind = 'c' and t.session_id = p_id);
    delete from public.sync_trash as t
    where t.user_id = own
        and (
            t.kind = p_kind and t.id = p_id
            or p_kind = 'c' and t.session_id = p_id and (t.with_session or t.payload is null)
        );
    return true;
end
$$;

drop function if exists public.sync_stamp(text [], text [], smallint [], bigint [], text []);

-- Adds tombstones for unknown rows, so that copies of other devices are not stored later.
create or replace function public.sync_bury(p_kind text, p_ids text [], p_sessions text []) returns void
language sql
security definer
set search_path = pg_catalog, public
as $$
    select public.stamp_rows(
        array_fill(public.current_profile_id(), array[cardinality(p_ids)]), p_kind, p_ids, p_sessions, true
    )
    where cardinality(p_ids) > 0
$$;

create or replace function public.sync_overtaken(
    p_kinds text [], p_ids text [], p_sessions text [], p_seqs bigint [], p_values jsonb []
) returns void
language sql
security definer
set search_path = pg_catalog, public
as $$
    insert into public.message_history (user_id, kind, id, seq, session_id, value)
    select public.current_profile_id(), o.kind, o.id, o.seq, o.session_id, o.value
    from unnest(p_kinds, p_ids, p_sessions, p_seqs, p_values) as o (kind, id, session_id, seq, value)
    on conflict (user_id, kind, id, seq) do nothing
$$;

-- Returns the name of the caller's newest commit, created at the first call. Needs the account's lock.
create or replace function public.sync_name_head() returns text
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    own uuid := public.current_profile_id();
    name text;
begin
    insert into public.sync_commit (user_id, seq_hi, nonce)
    select h.user_id, h.seq, replace(gen_random_uuid()::text, '-', '')
    from public.sync_head as h
    where h.user_id = own
    on conflict (user_id, seq_hi) do nothing;
    select h.seq || '.' || c.nonce into name
    from public.sync_head as h
    inner join public.sync_commit as c on c.user_id = h.user_id and c.seq_hi = h.seq
    where h.user_id = own;
    return name;
end
$$;

-- Decompressed bytes that an account has pushed, for its storage limit.
alter table public.sync_head add column if not exists pushed_bytes bigint not null default 0;

-- Stores the response of a push, and adds its size.
drop function if exists public.sync_answered(text, bigint, text, bytea);
create or replace function public.sync_answered(
    p_replica text, p_push_seq bigint, p_hash text, p_answer bytea, p_bytes bigint default 0
) returns void
language sql
security definer
set search_path = pg_catalog, public
as $$
    update public.sync_head
    set pushed_bytes = pushed_bytes + p_bytes
    where user_id = public.current_profile_id() and p_bytes > 0;
    insert into public.sync_replica (user_id, replica, push_seq, req_hash, answer, last_seen)
    values (public.current_profile_id(), p_replica, p_push_seq, p_hash, p_answer, now())
    on conflict (user_id, replica) do update set
        push_seq = excluded.push_seq,
        req_hash = excluded.req_hash,
        answer = excluded.answer,
        last_seen = excluded.last_seen
$$;

-- Removes some expired rows, with their overtaken values, and returns their number. Tombstones and the names of newest commits are kept.
create or replace function public.sync_purge(p_most integer default 5000) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    removed bigint;
    n bigint;
begin
    with over as (
        select t.user_id, t.kind, t.id
        from public.sync_trash as t
        where t.binned_at < now() - interval '30 days'
        limit p_most
        for update skip locked
    ),

    gone as (
        delete from public.sync_trash as t
        using over as o
        where t.user_id = o.user_id and t.kind = o.kind and t.id = o.id
        returning t.user_id, t.kind, t.id
    ),

    texts as (
        delete from public.message_history as h
        using gone as g
        where
            h.user_id = g.user_id and h.kind = g.kind and h.id = g.id
            and not exists (
                select 1
                from public.sync_rows as r
                where r.user_id = g.user_id and r.kind = g.kind and r.id = g.id and r.deleted_at is null
            )
    )

    select count(*) into removed from gone;

    delete from public.sync_commit as c
    using (
        select o.user_id, o.seq_hi
        from public.sync_commit as o
        where o.committed_at < now() - interval '400 days'
            and not exists (select 1 from public.sync_head as h where h.user_id = o.user_id and h.seq = o.seq_hi)
        limit p_most
        for update skip locked
    ) as over
    where c.user_id = over.user_id and c.seq_hi = over.seq_hi;
    get diagnostics n = row_count;
    removed := removed + n;

    delete from public.sync_replica as r
    using (
        select o.user_id, o.replica
        from public.sync_replica as o
        where o.last_seen < now() - interval '400 days'
        limit p_most
        for update skip locked
    ) as over
    where r.user_id = over.user_id and r.replica = over.replica;
    get diagnostics n = row_count;
    return removed + n;
end
$$;

do $$
declare
    f regprocedure;
begin
    foreach f in array array[
        'public.sync_restore(text, text)',
        'public.sync_bury(text, text [], text [])',
        'public.sync_overtaken(text [], text [], text [], bigint [], jsonb [])',
        'public.sync_name_head()',
        'public.sync_answered(text, bigint, text, bytea, bigint)'
    ]::regprocedure [] loop
        execute format('revoke all on function %s from public, anon', f);
        execute format('grant execute on function %s to authenticated, service_role', f);
    end loop;
end
$$;
call sterna.reserve(array['public.bin_deleted()', 'public.sync_purge(integer)']::regprocedure []);

reset role;
