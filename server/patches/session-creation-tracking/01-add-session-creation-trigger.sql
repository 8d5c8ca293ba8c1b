-- Session creation tracking: counts every new conversation in user_usage_daily.sessions_created and in profiles.usage_stats.
--
-- The schema contains this already; the patch restores it after rollback.sql, and is repeatable. The function is that of
-- schema/06_statistics.sql: it runs once per statement, and does not count a conversation with the id of a deleted one.

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
    perform sterna.add_use_of_days(array_agg(row(n.user_id, n.day, null, 0, 0, 0, 0, 0, 0, n.created)::sterna.day_delta))
    from (
        select c.user_id, sterna.use_day(by_day, c.created_at) as day, count(*) as created
        from new_rows as c
        where not exists (select 1 from public.sync_rows as r where r.user_id = c.user_id and r.kind = 'c' and r.id = c.id)
        group by 1, 2
    ) as n
    having count(*) > 0;
    return null;
end
$$;
revoke all on function public.track_session_creation() from public, anon, authenticated;

create trigger on_session_created after insert on public.chat_sessions
referencing new table as new_rows
for each statement execute function public.track_session_creation();

commit;
