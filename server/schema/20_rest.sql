-- Allow-list of /rest/v1: functions and relations that are served there have a comment that begins with @rest.
--
-- Others are not served, whatever their grants, because the server uses the role authenticated too and needs grants that clients do not
-- need. Row security and the functions' own checks still decide what a caller gets.

set role sterna_owner;

-- Removes entries that this version of the file does not list.
do $$
declare
    listed record;
begin
    for listed in
        select 'function' as kind, p.oid::regprocedure::text as name
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'public'::regnamespace and obj_description(p.oid, 'pg_proc') like '@rest%'
        union all
        select case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass::text
        from pg_catalog.pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
            and obj_description(c.oid, 'pg_class') like '@rest%'
    loop
        execute format('comment on %s %s is null', listed.kind, listed.name);
    end loop;
end
$$;

comment on function public.current_profile_id() is '@rest The id of the caller.';
comment on function public.sync_profile_from_auth(uuid) is '@rest Copy name, email and picture from the sign-in to the profile.';
comment on function public.get_user_complete_profile(uuid) is '@rest Profile, preferences, usage and allowed models.';
comment on function public.update_user_preferences(uuid, varchar, jsonb) is '@rest Change the preferences of one type: ui, session or model.';
comment on function public.export_user_data(uuid) is '@rest All stored data of the caller.';
comment on function public.get_user_recent_sessions(uuid, integer) is '@rest Conversations, the last changed first.';
comment on function public.get_session_with_messages(text, uuid) is '@rest One conversation with its messages.';
comment on function public.get_user_allowed_models(uuid) is '@rest Models of the caller''s tier.';
comment on function public.can_user_use_model(uuid, varchar) is '@rest True if the caller''s tier includes a model.';
comment on function public.get_user_chat_history(text) is '@rest Messages of all conversations.';
comment on function public.get_user_stats(text) is '@rest Counts of conversations, messages and searches.';
comment on function public.start_user_session(uuid, jsonb, text) is '@rest Start a visit.';
comment on function public.end_user_session(uuid) is '@rest End a visit.';
comment on function public.track_user_interaction(uuid, text, text, integer, jsonb) is '@rest Store one event of a visit.';
comment on function public.batch_track_user_interactions(jsonb) is '@rest Store up to 500 events.';
comment on function public.get_open_user_session(uuid) is '@rest The newest open visit.';
comment on function public.count_session_events(uuid) is '@rest Number of events of a visit.';

comment on table public.profiles is '@rest The caller''s profile.';
comment on table public.user_activity_log is '@rest Activity of the account.';
comment on table public.chat_sessions is '@rest Conversations.';
comment on table public.chat_messages is '@rest Messages.';
comment on table public.session_settings is '@rest Settings of conversations.';
comment on table public.user_usage_daily is '@rest Usage, one row a day.';
comment on table public.model_access is '@rest Models and their tiers.';
comment on table public.search_sessions is '@rest Searches.';
comment on table public.user_sessions is '@rest Visits.';
comment on table public.visit_messages is '@rest Messages of visits.';
comment on table public.user_interactions is '@rest Events of visits.';
comment on view public.users is '@rest The profile under the names of another schema.';
comment on view public.chat_memory is '@rest Messages in the form of LangChain.';
comment on view public.deleted_items is '@rest Deleted conversations and messages.';
comment on view public.api_user_summary is '@rest The profile with its totals.';

reset role;
