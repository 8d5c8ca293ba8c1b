-- Visits: runs of a client, from start to end. Contains the sessions and messages of 002
-- (docs/specification/README.md#visits), under their names in the schema visits, and the sessions of 004
-- (docs/specification/README.md#interaction-analytics). Visitors without a sign-in have the nil uuid, so that every key
-- begins with user_id.

-- Embeddings of 384 numbers: pgvector's type where it is available, otherwise an array of real.
do $$
begin
    create extension if not exists vector with schema public;
exception
    when insufficient_privilege or undefined_file or feature_not_supported then
        raise notice 'pgvector is not available (%): embeddings are stored as real[]', sqlerrm;
end
$$;

set role sterna_owner;

create schema if not exists visits authorization sterna_owner;
grant usage on schema visits to authenticated, service_role;

create or replace function sterna.nobody() returns uuid
language sql immutable parallel safe
as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;

-- sess_<milliseconds>_<nine digits of base 36>, as the client of 002 creates them
create or replace function sterna.new_session_token() returns text
language sql volatile
set search_path = pg_catalog
as $$
    select 'sess_' || floor(extract(epoch from clock_timestamp()) * 1000)::bigint || '_' || string_agg(
        substr('0123456789abcdefghijklmnopqrstuvwxyz', (dice.number / (36 ^ place)::bigint % 36)::integer + 1, 1), ''
    )
    from (select ('x' || translate(left(gen_random_uuid()::text, 13), '-', ''))::bit(48)::bigint as number) as dice,
        generate_series(0, 8) as place
$$;

create table if not exists public.user_sessions (
    user_id uuid not null default sterna.nobody(),
    id uuid not null default gen_random_uuid(),
    session_token varchar(255) not null default sterna.new_session_token(),
    user_identifier varchar(255),
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    message_count integer not null default 0,
    user_agent text,
    referrer text,
    device_type varchar(20),
    device_info jsonb not null default '{}',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint user_sessions_pkey primary key (user_id, id),
    constraint user_sessions_device_type_known check (device_type in ('mobile', 'tablet', 'desktop', 'terminal')),
    constraint user_sessions_somebody check (user_id <> sterna.nobody() or user_identifier is not null),
    constraint user_sessions_ended_after check (ended_at >= started_at)
);
create index if not exists idx_chat_sessions_started_at on public.user_sessions (started_at);
create index if not exists idx_chat_sessions_user_identifier on public.user_sessions (user_identifier);
create index if not exists idx_user_sessions_open on public.user_sessions (updated_at) where ended_at is null;

-- Owner of each visit by token and id, which are unique across accounts.
create table if not exists sterna.session_tokens (
    session_token varchar(255) not null,
    user_id uuid not null,
    id uuid not null,
    constraint session_tokens_pkey primary key (session_token),
    constraint session_tokens_id_key unique (id),
    constraint session_tokens_visit_fkey foreign key (user_id, id) references public.user_sessions (user_id, id) on delete cascade
);

create table if not exists public.visit_messages (
    user_id uuid not null default sterna.nobody(),
    id uuid not null default gen_random_uuid(),
    session_id uuid,
    message_type varchar(20) not null,
    content text not null,
    similar_qa_matches jsonb,
    similarity_scores real [],
    processing_time_ms integer,
    error_message text,
    sequence_order integer not null,
    message_id text collate "C",
    created_at timestamptz not null default now(),
    constraint visit_messages_pkey primary key (user_id, id),
    constraint visit_messages_order_key unique (user_id, session_id, sequence_order),
    constraint visit_messages_session_fkey
    foreign key (user_id, session_id) references public.user_sessions (user_id, id) on delete cascade,
    constraint visit_messages_message_fkey
    foreign key (user_id, message_id) references public.chat_messages (user_id, id) on update cascade on delete cascade
);
do $$
declare
    kind text := (
        select format('%s(384)', t.oid::regtype)
        from pg_extension as e
        join pg_depend as d on d.refobjid = e.oid and d.refclassid = 'pg_extension'::regclass and d.classid = 'pg_type'::regclass
        join pg_type as t on t.oid = d.objid
        where e.extname = 'vector' and t.typname = 'vector'
    );
begin
    execute format(
        'alter table public.visit_messages add column if not exists embedding %s',
        coalesce(kind, 'real [] constraint visit_messages_embedding_length check (cardinality(embedding) = 384)')
    );
end
$$;
create index if not exists idx_visit_messages_session_id on public.visit_messages (user_id, session_id);
create index if not exists idx_visit_messages_message_id on public.visit_messages (user_id, message_id);
create index if not exists idx_chat_messages_created_at on public.visit_messages (created_at);
create index if not exists idx_chat_messages_type on public.visit_messages (message_type);

call sterna.guard('{public.user_sessions, public.visit_messages, sterna.session_tokens}');
revoke all on sterna.session_tokens from service_role;

-- Accounts can read and delete their visits; only the functions below and the server write them.
grant select, delete on public.user_sessions, public.visit_messages to authenticated;
drop policy if exists user_sessions_select_own on public.user_sessions;
create policy user_sessions_select_own on public.user_sessions for select to authenticated
using (user_id = (select public.current_profile_id()));
drop policy if exists user_sessions_delete_own on public.user_sessions;
create policy user_sessions_delete_own on public.user_sessions for delete to authenticated
using (user_id = (select public.current_profile_id()));
drop policy if exists visit_messages_select_own on public.visit_messages;
create policy visit_messages_select_own on public.visit_messages for select to authenticated
using (user_id = (select public.current_profile_id()));
drop policy if exists visit_messages_delete_own on public.visit_messages;
create policy visit_messages_delete_own on public.visit_messages for delete to authenticated
using (user_id = (select public.current_profile_id()));

-- Tables of 002 under its names, for its statements with search_path = visits, public.
create or replace view visits.chat_sessions with (security_invoker = true) as
select
    id,
    session_token,
    user_identifier,
    started_at,
    ended_at,
    message_count,
    user_agent,
    referrer,
    device_type,
    created_at,
    updated_at
from public.user_sessions;
create or replace view visits.chat_messages with (security_invoker = true) as
select
    id,
    session_id,
    message_type,
    content,
    embedding,
    similar_qa_matches,
    similarity_scores,
    processing_time_ms,
    error_message,
    sequence_order,
    created_at
from public.visit_messages;
revoke all on visits.chat_sessions, visits.chat_messages from public, anon, authenticated;

-- For 002's check of index names: maps them to the indexes of the tables behind the views. PostgreSQL searches pg_catalog first unless the
-- path names it: search_path = visits, public, pg_catalog.
create or replace view visits.pg_indexes with (security_invoker = true) as
select
    'visits'::name as schemaname,
    case tablename when 'user_sessions' then 'chat_sessions'::name else 'chat_messages'::name end as tablename,
    indexname,
    tablespace,
    indexdef
from pg_catalog.pg_indexes
where schemaname = 'public' and tablename in ('user_sessions', 'visit_messages')
union all
select schemaname, tablename, indexname, tablespace, indexdef
from pg_catalog.pg_indexes;
revoke all on visits.pg_indexes from public, anon, authenticated;
grant select on visits.pg_indexes to service_role;

grant select, delete on visits.chat_sessions, visits.chat_messages to authenticated;
grant all on visits.chat_sessions, visits.chat_messages to service_role;

-- A visit needs an existing account, which no foreign key can check because the nil uuid has no profile, and keeps its token.
create or replace function public.own_user_session() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    if tg_op = 'UPDATE' then
        if (new.user_id, new.id, new.session_token) is distinct from (old.user_id, old.id, old.session_token) then
            raise invalid_parameter_value using message = 'a visit keeps its owner, its id and its token';
        end if;
        new.updated_at := now();
    elsif new.user_id <> sterna.nobody() then
        perform 1 from public.profiles where id = new.user_id for key share;
        if not found then
            raise foreign_key_violation using message = 'this visit is of nobody';
        end if;
    end if;
    return new;
end
$$;
drop trigger if exists own_user_session on public.user_sessions;
create trigger own_user_session before insert or update on public.user_sessions
for each row execute function public.own_user_session();

create or replace function public.note_session_token() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    insert into sterna.session_tokens (session_token, user_id, id) values (new.session_token, new.user_id, new.id);
    return null;
end
$$;
drop trigger if exists on_user_session_created on public.user_sessions;
create trigger on_user_session_created after insert on public.user_sessions
for each row execute function public.note_session_token();

create or replace function public.end_profile_visits() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    delete from public.user_sessions where user_id = old.id;
    return null;
end
$$;
drop trigger if exists on_profile_deleted_visits on public.profiles;
create trigger on_profile_deleted_visits after delete on public.profiles
for each row execute function public.end_profile_visits();

-- Sets the owner of a message from its visit, and its position if none is given.
create or replace function public.place_visit_message() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    if new.session_id is not null then
        select user_id into new.user_id from sterna.session_tokens where id = new.session_id;
        if not found then
            raise foreign_key_violation using message = 'this message is of no visit';
        end if;
    end if;
    if new.sequence_order is null then
        select coalesce(max(sequence_order), 0) + 1 into new.sequence_order
        from public.visit_messages
        where user_id = new.user_id and session_id is not distinct from new.session_id;
    end if;
    return new;
end
$$;
drop trigger if exists place_visit_message on public.visit_messages;
create trigger place_visit_message before insert on public.visit_messages
for each row execute function public.place_visit_message();

create or replace function public.update_visit_message_count() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.user_sessions as v
    set message_count = v.message_count + counts.number
    from (
        select user_id, session_id, count(*)::integer * case tg_op when 'DELETE' then -1 else 1 end as number
        from changed
        group by user_id, session_id
    ) as counts
    where v.user_id = counts.user_id and v.id = counts.session_id;
    return null;
end
$$;
drop trigger if exists on_visit_message_created on public.visit_messages;
create trigger on_visit_message_created after insert on public.visit_messages
referencing new table as changed for each statement execute function public.update_visit_message_count();
drop trigger if exists on_visit_message_deleted on public.visit_messages;
create trigger on_visit_message_deleted after delete on public.visit_messages
referencing old table as changed for each statement execute function public.update_visit_message_count();

-- Earlier questions most similar to one, with their answers, of one account or one anonymous visitor. Written for the type of embeddings
-- here; computes the full cosine, because embeddings may have any length.
do $$
declare
    vectors text := (
        select n.nspname
        from pg_attribute as a
        join pg_type as t on t.oid = a.atttypid
        join pg_namespace as n on n.oid = t.typnamespace
        where a.attrelid = 'public.visit_messages'::regclass and a.attname = 'embedding' and t.typname = 'vector'
    );
begin
    execute format(
        $f$
        create or replace function public.match_visit_messages(
            p_user_id uuid, p_user_identifier text, p_embedding real [], p_limit integer default 3, p_least real default 0.5
        )
        returns table (id uuid, session_id uuid, content text, answer text, similarity real)
        language sql stable
        security definer
        set search_path = pg_catalog, public
        as $match$
            select near.id, near.session_id, near.content, reply.content, near.similarity
            from (
                select m.id, m.user_id, m.session_id, m.sequence_order, m.content, %s as similarity
                from public.visit_messages as m
                join public.user_sessions as v on v.user_id = m.user_id and v.id = m.session_id
                where m.user_id = p_user_id
                    and (p_user_id <> sterna.nobody() or v.user_identifier = p_user_identifier)
                    and m.message_type = 'user' and m.embedding is not null
                order by 6 desc, m.created_at desc, m.id
                limit greatest(p_limit, 0)
            ) as near
            left join lateral (
                select a.content
                from public.visit_messages as a
                where a.user_id = near.user_id and a.session_id = near.session_id
                    and a.sequence_order > near.sequence_order and a.message_type = 'assistant'
                order by a.sequence_order
                limit 1
            ) as reply on true
            where near.similarity >= p_least
            order by near.similarity desc, near.id
        $match$
        $f$,
        case when vectors is null then
            '(select (sum(a.x * b.x) / nullif(sqrt(sum(a.x * a.x)) * sqrt(sum(b.x * b.x)), 0))::real'
            ' from unnest(m.embedding) with ordinality as a (x, at) join unnest(p_embedding) with ordinality as b (x, at) using (at))'
        else
            format('(1 - (m.embedding operator(%1$I.<=>) p_embedding::%1$I.vector))::real', vectors)
        end
    );
end
$$;

call sterna.reserve(array[
    'sterna.nobody()',
    'sterna.new_session_token()',
    'public.own_user_session()',
    'public.note_session_token()',
    'public.end_profile_visits()',
    'public.place_visit_message()',
    'public.update_visit_message_count()',
    'public.match_visit_messages(uuid, text, real[], integer, real)'
]::regprocedure []);

reset role;
