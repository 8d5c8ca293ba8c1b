-- History of changes of each account, from which devices read by number.

set role sterna_owner;

-- Locked by a writer until its commit, so that numbers are in commit order and readers that follow them miss nothing.
create table if not exists public.sync_head (
    user_id uuid not null,
    seq bigint not null default 0,
    cleared_upto bigint not null default 0,
    cleared_seq bigint not null default 0,
    constraint sync_head_pkey primary key (user_id),
    constraint sync_head_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
) with (fillfactor = 50);

-- Last push of each device with its response, so that a repeated push gets the same response and is not applied again.
create table if not exists public.sync_replica (
    user_id uuid not null,
    replica text not null,
    push_seq bigint not null default 0,
    req_hash text not null default '',
    answer bytea, -- JSON, compressed with zlib
    last_seen timestamptz not null default now(),
    constraint sync_replica_pkey primary key (user_id, replica),
    constraint sync_replica_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

-- Names of commits. A device with a name that this history does not have knows another history.
create table if not exists public.sync_commit (
    user_id uuid not null,
    seq_hi bigint not null,
    nonce text not null,
    committed_at timestamptz not null default now(),
    constraint sync_commit_pkey primary key (user_id, seq_hi),
    constraint sync_commit_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

-- One row for each conversation (c), message (m) and setting (s, with the id <session id>/<key>), live or dead: its stamp and its number in
-- the history. Without foreign keys, because tombstones outlive their targets and the checks would cost more than the rows.
create table if not exists public.sync_rows (
    user_id uuid not null,
    seq bigint not null,
    created_seq bigint not null,
    deleted_at timestamptz,
    time bigint not null default 0, -- milliseconds since 1970
    ver bigint not null default 1,
    cls smallint not null default 0, -- 0 automatic, 1 by a person
    kind text collate "C" not null,
    id text collate "C" not null,
    session_id text collate "C" not null,
    tie text collate "C" not null default '',
    constraint sync_rows_pkey primary key (user_id, kind, id),
    constraint sync_rows_seq_key unique (user_id, seq),
    constraint sync_rows_kind_known check (kind in ('c', 'm', 's'))
);

-- contents of a deleted conversation
create index if not exists idx_sync_rows_dead on public.sync_rows (user_id, session_id) where deleted_at is not null;

call sterna.guard('{public.sync_head, public.sync_replica, public.sync_commit, public.sync_rows}');

drop policy if exists sync_head_own on public.sync_head;
create policy sync_head_own on public.sync_head for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.sync_head to authenticated;

drop policy if exists sync_replica_own on public.sync_replica;
create policy sync_replica_own on public.sync_replica for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.sync_replica to authenticated;

drop policy if exists sync_commit_own on public.sync_commit;
create policy sync_commit_own on public.sync_commit for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.sync_commit to authenticated;

drop policy if exists sync_rows_own on public.sync_rows;
create policy sync_rows_own on public.sync_rows for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.sync_rows to authenticated;

create or replace view public.deleted_items with (security_invoker = true) as
select
    user_id,
    case kind when 'c' then 'session' else 'message' end as kind,
    id,
    session_id,
    deleted_at
from public.sync_rows
where deleted_at is not null and kind in ('c', 'm');
revoke all on public.deleted_items from anon, authenticated;
grant select on public.deleted_items to authenticated, service_role;

reset role;
