-- Triggers that number every change. See 11_sync_stamps.sql.

set role sterna_owner;

-- Their names sort after all other triggers of these tables, so that they run last and earlier ones can still look ids up.
do $$
declare
    t text;
    kind text;
begin
    for t, kind in values ('chat_sessions', 'c'), ('chat_messages', 'm'), ('session_settings', 's') loop
        execute format('drop trigger if exists sync_turn on public.%I', t);
        execute format(
            'create trigger sync_turn before insert or update or delete on public.%I '
            'for each statement when (pg_trigger_depth() = 0 and current_setting(''sterna.turn'', true) is distinct from '
            'current_setting(''request.jwt.claims'', true)) execute function public.take_turn()', t
        );
        execute format('drop trigger if exists sync_stamp_insert on public.%I', t);
        execute format(
            'create trigger sync_stamp_insert after insert on public.%I referencing new table as new_rows '
            'for each statement execute function public.stamp_inserted(%L)', t, kind
        );
        execute format('drop trigger if exists sync_stamp_update on public.%I', t);
        execute format(
            'create trigger sync_stamp_update after update on public.%I '
            'referencing old table as old_rows new table as new_rows '
            'for each statement execute function public.stamp_updated(%L)', t, kind
        );
        execute format('drop trigger if exists sync_stamp_delete on public.%I', t);
        execute format(
            'create trigger sync_stamp_delete after delete on public.%I referencing old table as old_rows '
            'for each statement execute function public.%I(%L)',
            t, case t when 'chat_sessions' then 'stamp_deleted_sessions' else 'stamp_deleted' end, kind
        );
    end loop;
end
$$;

reset role;
