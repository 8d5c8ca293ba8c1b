-- Request counts of the last hour, shared by all servers of this database (server/http/shared_rate_limits.py). Unlogged, because a crash
-- loses only an hour of counts. Keys are pseudonyms of accounts and addresses.

set role sterna_owner;

create unlogged table if not exists sterna.rate_counts (
    key text collate "C" not null,
    slot bigint not null, -- minutes since 1970
    origin text collate "C" not null, -- one server process
    hits bigint not null,
    constraint rate_counts_pkey primary key (key, slot, origin)
);
create index if not exists idx_rate_counts_slot on sterna.rate_counts (slot);
call sterna.guard('{sterna.rate_counts}');

-- Adds the counts of one server, and returns those of all others for the same keys in the last hour. Each server has its own rows, so none
-- waits for another.
create or replace function sterna.exchange_rates(
    p_origin text, p_keys text [], p_slots bigint [], p_hits bigint [], p_clean boolean
) returns table (key text, slot bigint, hits bigint)
language plpgsql
security definer
set search_path = pg_catalog, sterna
as $$
#variable_conflict use_column
declare
    oldest bigint := (select max(s) - 60 from unnest(p_slots) as s);
begin
    if p_clean then
        delete from sterna.rate_counts as c where c.slot < oldest;
    end if;
    insert into sterna.rate_counts as c (key, slot, origin, hits)
    select n.key, n.slot, p_origin, sum(n.hits)::bigint
    from unnest(p_keys, p_slots, p_hits) as n (key, slot, hits)
    group by n.key, n.slot
    order by n.key, n.slot
    on conflict (key, slot, origin) do update set hits = c.hits + excluded.hits;
    return query
    select c.key, c.slot, sum(c.hits)::bigint
    from (select distinct n.key from unnest(p_keys) as n (key)) as k
    cross join lateral (
        select * from sterna.rate_counts as o where o.key = k.key and o.slot >= oldest
    ) as c
    where c.origin <> p_origin
    group by c.key, c.slot;
end
$$;
revoke all on function sterna.exchange_rates(text, text [], bigint [], bigint [], boolean) from public, anon, authenticated;
grant execute on function sterna.exchange_rates(text, text [], bigint [], bigint [], boolean) to service_role;

reset role;
