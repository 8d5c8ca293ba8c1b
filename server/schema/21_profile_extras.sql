-- Preferences of web clients that are not synced: stored and returned, but not used.

set role sterna_owner;

create table if not exists public.profile_extras (
    user_id uuid not null,
    personality_preset varchar(100),
    constraint profile_extras_pkey primary key (user_id),
    constraint profile_extras_user_id_fkey foreign key (user_id)
    references public.profiles (id) on update cascade on delete cascade
);

call sterna.guard('{public.profile_extras}');
grant select, insert, update on public.profile_extras to authenticated;
drop policy if exists profile_extras_own on public.profile_extras;
create policy profile_extras_own on public.profile_extras to authenticated
using (user_id = (select public.current_profile_id()))
with check (user_id = (select public.current_profile_id()));

-- Preferences of an account for its export.
create or replace function sterna.profile_extras(p_user_id uuid) returns jsonb
language sql stable
set search_path = pg_catalog
as $$
    select coalesce(
        (
            select jsonb_strip_nulls(jsonb_build_object('personality_preset', e.personality_preset))
            from public.profile_extras as e
            where e.user_id = p_user_id
        ),
        '{}'
    )
$$;
revoke all on function sterna.profile_extras(uuid) from public, anon, authenticated;

reset role;
