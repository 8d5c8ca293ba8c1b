-- Takes the session creation tracking away: new conversations are no longer counted. What was counted stays.

begin;
set local role sterna_owner;

drop trigger if exists on_session_created on public.chat_sessions;
drop function if exists public.track_session_creation();

commit;
