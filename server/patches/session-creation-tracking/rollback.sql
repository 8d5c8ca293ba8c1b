-- Removes session creation tracking: new conversations are no longer counted. Existing counts stay.

begin;
set local role sterna_owner;

drop trigger if exists on_session_created on public.chat_sessions;
drop function if exists public.track_session_creation();

commit;
