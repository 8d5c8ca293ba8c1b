-- Preferences of an account, and its tier.

set role sterna_owner;

-- null counts as empty
create or replace function public.jsonb_deep_merge(a jsonb, b jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, public
as $$
    select coalesce(a, '{}') || coalesce(
        (
            select jsonb_object_agg(
                key,
                case
                    when jsonb_typeof(a -> key) = 'object' and jsonb_typeof(value) = 'object'
                        then public.jsonb_deep_merge(a -> key, value)
                    else value
                end
            )
            from jsonb_each(b)
        ),
        '{}'
    )
$$;

create or replace function public.update_user_tier(user_uuid uuid, new_tier varchar(20)) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    old_tier text;
begin
    if new_tier is null or new_tier not in ('free', 'pro', 'enterprise') then
        return '{"success": false, "error": "Invalid tier. Must be one of free, pro, enterprise"}';
    end if;
    select subscription_tier into old_tier from public.profiles where id = user_uuid for update;
    if not found then
        return '{"success": false, "error": "User not found"}';
    end if;
    update public.profiles set subscription_tier = new_tier where id = user_uuid;
    perform public.log_user_activity(
        user_uuid, 'tier_updated', 'profile', user_uuid::text,
        jsonb_build_object('old_tier', old_tier, 'new_tier', new_tier)
    );
    return jsonb_build_object('success', true, 'old_tier', old_tier, 'new_tier', new_tier, 'updated_at', now());
end
$$;

-- ui and session are merged into the stored values; model sets the given keys.
create or replace function public.update_user_preferences(
    user_uuid uuid, preference_type varchar(50), preferences jsonb
) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    perform sterna.require_own(user_uuid);
    if preference_type is null or preference_type not in ('ui', 'session', 'model') then
        return '{"success": false, "error": "Invalid preference type. Must be ui, session or model"}';
    end if;
    if jsonb_typeof(preferences) is distinct from 'object' then
        return '{"success": false, "error": "Invalid preferences: they must be an object"}';
    end if;
    begin
        update public.profiles
        set
            ui_preferences = case
                when preference_type = 'ui' then public.jsonb_deep_merge(ui_preferences, preferences) else ui_preferences
            end,
            session_preferences = case
                when preference_type = 'session' then public.jsonb_deep_merge(session_preferences, preferences)
                else session_preferences
            end,
            default_model = case
                when preference_type = 'model' and preferences ? 'default_model' then preferences ->> 'default_model'
                else default_model
            end,
            temperature = case
                when preference_type = 'model' and preferences ? 'temperature'
                    then (preferences ->> 'temperature')::numeric
                else temperature
            end,
            system_prompt = case
                when preference_type = 'model' and preferences ? 'system_prompt' then preferences ->> 'system_prompt'
                else system_prompt
            end,
            allowed_models = case
                when preference_type = 'model' and preferences ? 'allowed_models'
                    then array(select jsonb_array_elements_text(preferences -> 'allowed_models'))
                else allowed_models
            end
        where id = user_uuid;
        if not found then
            return '{"success": false, "error": "User not found"}';
        end if;
    exception
        when check_violation or numeric_value_out_of_range or invalid_text_representation then
            return '{"success": false, "error": "Invalid preferences: temperature must be between 0 and 2"}';
        when string_data_right_truncation then
            return '{"success": false, "error": "Invalid preferences: default_model is longer than 100 characters"}';
        when invalid_parameter_value or null_value_not_allowed then
            return '{"success": false, "error": "Invalid preferences: allowed_models must be a list of model ids"}';
    end;
    perform public.log_user_activity(
        user_uuid, 'preferences_updated', 'profile', user_uuid::text,
        jsonb_build_object('preference_type', preference_type, 'updated_fields', preferences)
    );
    return jsonb_build_object('success', true, 'preference_type', preference_type, 'updated_at', now());
end
$$;

call sterna.reserve(array[
    'public.update_user_tier(uuid, varchar)',
    'public.update_user_preferences(uuid, varchar, jsonb)'
]::regprocedure []);
grant execute on function public.update_user_preferences(uuid, varchar, jsonb) to authenticated;

reset role;
