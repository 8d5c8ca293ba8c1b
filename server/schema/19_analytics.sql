-- Events of visits as in 004 (docs/specification/README.md#interaction-analytics): names of actions, counts and durations,
-- never text.

set role sterna_owner;

create table if not exists public.user_interactions (
    user_id uuid not null,
    id uuid not null default gen_random_uuid(),
    session_id uuid not null,
    event_type text not null,
    content_id text,
    duration integer,
    event_data jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint user_interactions_pkey primary key (user_id, id),
    constraint user_interactions_session_fkey
    foreign key (user_id, session_id) references public.user_sessions (user_id, id) on delete cascade
);
comment on column public.user_interactions.duration is 'Milliseconds.';
create index if not exists idx_user_interactions_session on public.user_interactions (user_id, session_id, created_at);
create index if not exists idx_user_interactions_user on public.user_interactions (user_id, created_at);

call sterna.guard('{public.user_interactions}');
grant select, delete on public.user_interactions to authenticated;
drop policy if exists user_interactions_select_own on public.user_interactions;
create policy user_interactions_select_own on public.user_interactions for select to authenticated
using (user_id = (select public.current_profile_id()));
drop policy if exists user_interactions_delete_own on public.user_interactions;
create policy user_interactions_delete_own on public.user_interactions for delete to authenticated
using (user_id = (select public.current_profile_id()));

-- Sets the owner from the visit.
create or replace function public.own_user_interaction() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    select user_id into new.user_id from sterna.session_tokens where id = new.session_id;
    if not found then
        raise foreign_key_violation using message = 'this interaction is of no visit';
    end if;
    return new;
end
$$;
drop trigger if exists own_user_interaction on public.user_interactions;
create trigger own_user_interaction before insert on public.user_interactions
for each row execute function public.own_user_interaction();

-- An event keeps its visit open, and extends a visit that was ended as idle.
create or replace function public.update_visit_activity() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.user_sessions as v
    set ended_at = case when v.ended_at is not null then greatest(v.ended_at, events.latest) end
    from (select user_id, session_id, max(created_at) as latest from made group by user_id, session_id) as events
    where v.user_id = events.user_id and v.id = events.session_id;
    return null;
end
$$;
drop trigger if exists on_user_interaction_created on public.user_interactions;
create trigger on_user_interaction_created after insert on public.user_interactions
referencing new table as made for each statement execute function public.update_visit_activity();

create or replace function sterna.moment_of(p_text text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    return p_text::timestamptz;
exception
    when data_exception then
        return null;
end
$$;

-- Error of an event; null for a valid one.
create or replace function sterna.interaction_problem(p_item jsonb) returns text
language sql immutable
set search_path = pg_catalog
as $$
    select case
        when jsonb_typeof(p_item) is distinct from 'object' then 'An interaction is an object'
        when coalesce(p_item ->> 'session_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            then 'session_id is not the id of a session'
        when p_item ->> 'id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then 'id is not a uuid'
        when jsonb_typeof(p_item -> 'event_type') is distinct from 'string'
            or length(p_item ->> 'event_type') not between 1 and 100 then 'event_type has 1 to 100 characters'
        when jsonb_typeof(p_item -> 'content_id') not in ('string', 'number', 'null') or length(p_item ->> 'content_id') > 255
            then 'content_id is an id of at most 255 characters'
        when jsonb_typeof(p_item -> 'duration') not in ('number', 'null') then 'duration is a number of milliseconds'
        when (p_item ->> 'duration')::numeric not between 0 and 2147483647 then 'duration is a number of milliseconds'
        when jsonb_typeof(p_item -> 'event_data') not in ('object', 'null') then 'event_data is an object'
        when length((p_item -> 'event_data')::text) > 8192 then 'event_data is larger than 8 KiB'
    end
$$;

-- Stores one event of the caller. A repeated id is stored once.
create or replace function sterna.keep_interaction(p_item jsonb, out kept_id uuid, out is_new boolean, out error text)
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    visit public.user_sessions;
    at timestamptz := now();
begin
    is_new := false;
    error := sterna.interaction_problem(p_item);
    if error is not null then
        return;
    end if;
    if p_item ->> 'created_at' is not null then
        at := least(sterna.moment_of(p_item ->> 'created_at'), now());
        if sterna.moment_of(p_item ->> 'created_at') is null then
            error := 'created_at is not a time';
            return;
        end if;
    end if;
    visit := sterna.own_visit((p_item ->> 'session_id')::uuid);
    kept_id := coalesce((p_item ->> 'id')::uuid, gen_random_uuid());
    if visit.id is null then
        error := 'Session not found';
    elsif at > visit.ended_at and visit.metadata ->> 'closed_by' is distinct from 'idle' then
        error := 'Session has ended';
    else
        insert into public.user_interactions (user_id, id, session_id, event_type, content_id, duration, event_data, created_at)
        values (
            visit.user_id, kept_id, visit.id, p_item ->> 'event_type', p_item ->> 'content_id',
            round((p_item ->> 'duration')::numeric)::integer,
            case jsonb_typeof(p_item -> 'event_data') when 'object' then p_item -> 'event_data' else '{}' end, at
        )
        on conflict (user_id, id) do nothing;
        is_new := found;
    end if;
end
$$;

-- {success, id}, or {success: false, error}.
create or replace function public.track_user_interaction(
    p_session_id uuid,
    p_event_type text,
    p_content_id text default null,
    p_duration integer default null,
    p_event_data jsonb default '{}'
)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    result record;
begin
    select * into result
    from sterna.keep_interaction(jsonb_build_object(
        'session_id', p_session_id, 'event_type', p_event_type, 'content_id', p_content_id, 'duration', p_duration,
        'event_data', p_event_data
    ));
    if result.error is not null then
        return jsonb_build_object('success', false, 'error', result.error);
    end if;
    return jsonb_build_object('success', true, 'id', result.kept_id);
end
$$;

-- Stores up to 500 events: {success, inserted, failed, errors: [{index, error}]}. An invalid one does not affect the others.
create or replace function public.batch_track_user_interactions(p_interactions jsonb) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    result record;
    place integer;
    item jsonb;
    inserted integer := 0;
    errors jsonb := '[]';
begin
    if jsonb_typeof(p_interactions) is distinct from 'array' then
        return '{"success": false, "error": "Interactions come as an array"}';
    end if;
    if jsonb_array_length(p_interactions) > 500 then
        return '{"success": false, "error": "More than 500 interactions at once"}';
    end if;
    for place, item in select n - 1, value from jsonb_array_elements(p_interactions) with ordinality as i (value, n) loop
        select * into result from sterna.keep_interaction(item);
        if result.error is not null then
            errors := errors || jsonb_build_object('index', place, 'error', result.error);
        elsif result.is_new then
            inserted := inserted + 1;
        end if;
    end loop;
    return jsonb_build_object(
        'success', true, 'inserted', inserted, 'failed', jsonb_array_length(errors), 'errors', errors
    );
end
$$;

-- For the verification helpers of 004: the newest open session of an account, and the number of its events.
create or replace function public.get_open_user_session(p_user_id uuid) returns uuid
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.require_own(p_user_id);
    return (
        select id from public.user_sessions
        where user_id = p_user_id and ended_at is null
        order by started_at desc, id limit 1
    );
end
$$;

create or replace function public.count_session_events(p_session_id uuid) returns integer
language sql stable
security definer
set search_path = pg_catalog, public
as $$
    select count(*)::integer
    from sterna.own_visit(p_session_id) as v
    join public.user_interactions as i on i.user_id = v.user_id and i.session_id = v.id
$$;

call sterna.reserve(array[
    'public.own_user_interaction()',
    'public.update_visit_activity()',
    'sterna.moment_of(text)',
    'sterna.interaction_problem(jsonb)',
    'sterna.keep_interaction(jsonb)',
    'public.get_open_user_session(uuid)',
    'public.count_session_events(uuid)',
    'public.track_user_interaction(uuid, text, text, integer, jsonb)',
    'public.batch_track_user_interactions(jsonb)'
]::regprocedure []);
grant execute on function public.get_open_user_session(uuid) to authenticated;
grant execute on function public.count_session_events(uuid) to authenticated;
grant execute on function public.track_user_interaction(uuid, text, text, integer, jsonb) to authenticated;
grant execute on function public.batch_track_user_interactions(jsonb) to authenticated;

reset role;
