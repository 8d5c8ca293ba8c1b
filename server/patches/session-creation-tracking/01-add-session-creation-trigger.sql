-- Session creation tracking: every new conversation is counted in user_usage_daily.sessions_created and in profiles.usage_stats.
--
-- The schema has this already; the patch puts it back after rollback.sql, and may be run any number of times. It is the same function as in
-- schema/06_statistics.sql: once a statement instead of once a row, and not for a conversation that comes back under the id of a
-- deleted one.

begin;
set local role sterna_owner;

drop trigger if exists on_session_created on public.chat_sessions;
drop function if exists public.track_session_creation();

create or replace function public.track_session_creation() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    by_day boolean := sterna.is_push();
begin
    if sterna.is_applying() then
        return null;
    end if;
    perform public.track_user_usage_delta(n.user_id, 0, 0, 0, 0, '{}'::jsonb, n.created, 0, n.day)
    from (
        select c.user_id, sterna.use_day(by_day, c.created_at) as day, count(*)::integer as created
        from new_rows as c
        where not exists (select 1 from public.sync_rows as r where r.user_id = c.user_id and r.kind = 'c' and r.id = c.id)
        group by 1, 2
        order by 1, 2
    ) as n;
    return null;
end
$$;
revoke all on function public.track_session_creation() from public, anon, authenticated;

create trigger on_session_created after insert on public.chat_sessions
referencing new table as new_rows
for each statement execute function public.track_session_creation();

commit;
