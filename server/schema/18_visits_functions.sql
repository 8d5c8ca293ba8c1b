-- Functions that start and end visits. See 18_visits.sql.

set role sterna_owner;

-- Starts a visit, or continues an open one with the same token.
create or replace function public.start_user_session(
    p_user_id uuid, p_device_info jsonb default '{}', p_session_token text default null
)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    visit public.user_sessions;
    info jsonb := case jsonb_typeof(p_device_info) when 'object' then p_device_info else '{}' end;
begin
    perform sterna.require_own(p_user_id);
    if not exists (select 1 from public.profiles where id = p_user_id) then
        return '{"success": false, "error": "User not found"}';
    end if;
    if length(info::text) > 8192 then
        return '{"success": false, "error": "device_info is larger than 8 KiB"}';
    end if;
    if p_session_token is not null then
        if p_session_token !~ '^[!-~]{1,255}$' then
            return '{"success": false, "error": "A session token has 1 to 255 printable ASCII characters"}';
        end if;
        select * into visit from sterna.visit_of_token(p_session_token);
    end if;
    if visit.id is null then
        begin
            insert into public.user_sessions (user_id, session_token, device_info, device_type, user_agent)
            values (
                p_user_id,
                coalesce(p_session_token, sterna.new_session_token()),
                info,
                case when info ->> 'device_type' in ('mobile', 'tablet', 'desktop', 'terminal') then info ->> 'device_type' end,
                left(info ->> 'user_agent', 512)
            )
            returning * into visit;
        exception
            when unique_violation then
                null;
        end;
    elsif visit.user_id <> p_user_id or visit.ended_at is not null then
        visit := null;
    elsif info <> '{}' then
        -- the visit exists, but only with the kind of its device
        update public.user_sessions as s
        set device_info = info || coalesce(s.device_info, '{}')
        where s.user_id = visit.user_id and s.id = visit.id
        returning * into visit;
    end if;
    if visit.id is null then
        return '{"success": false, "error": "This session token cannot be used"}';
    end if;
    return jsonb_build_object('success', true, 'session_id', visit.id, 'started_at', visit.started_at);
end
$$;

-- Returns the visit of an id for its owner and the server, otherwise null.
create or replace function sterna.own_visit(p_session_id uuid) returns public.user_sessions
language sql stable
security definer
set search_path = pg_catalog, public
as $$
    select v
    from sterna.session_tokens as t
    join public.user_sessions as v on v.user_id = t.user_id and v.id = t.id
    where t.id = p_session_id and (sterna.is_server() or t.user_id = (select public.current_profile_id()))
$$;

create or replace function sterna.visit_of_token(p_session_token text) returns setof public.user_sessions
language sql stable
security definer
set search_path = pg_catalog, public
as $$
    select v.*
    from sterna.session_tokens as t
    join public.user_sessions as v on v.user_id = t.user_id and v.id = t.id
    where t.session_token = p_session_token
$$;

-- Ends a visit; returns true if it was an open visit of the caller.
create or replace function public.end_user_session(p_session_id uuid) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    visit public.user_sessions := sterna.own_visit(p_session_id);
begin
    update public.user_sessions set ended_at = greatest(now(), started_at)
    where user_id = visit.user_id and id = visit.id and ended_at is null;
    return found;
end
$$;

-- Ends idle visits at the time of their last event; returns their number.
create or replace function public.close_idle_visits(p_idle interval default '30 minutes') returns integer
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    closed integer;
begin
    update public.user_sessions
    set ended_at = greatest(updated_at, started_at), metadata = metadata || '{"closed_by": "idle"}'
    where ended_at is null and updated_at < now() - p_idle;
    get diagnostics closed = row_count;
    return closed;
end
$$;

call sterna.reserve(array[
    'public.start_user_session(uuid, jsonb, text)',
    'sterna.own_visit(uuid)',
    'sterna.visit_of_token(text)',
    'public.end_user_session(uuid)',
    'public.close_idle_visits(interval)'
]::regprocedure []);
grant execute on function public.start_user_session(uuid, jsonb, text) to authenticated;
grant execute on function public.end_user_session(uuid) to authenticated;

reset role;
