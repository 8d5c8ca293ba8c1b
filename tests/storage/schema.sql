-- What storage/schema/*.sql makes, sorted by kind and name.

CREATE TABLE account_pending (
    name text not null primary key,        -- full_name, or a type of preferences
    value text not null constraint account_pending_json check (json_valid(value))
) strict, without rowid;

CREATE TABLE attachments (
    id text not null,                      -- SHA-256 of the content, in hexadecimal
    media_type text not null,
    size integer not null,
    created_at text not null,
    uploaded integer not null default 0,   -- local only. 1: the account's server has it
    refused text,                          -- local only. Why the server does not take it
    constraint attachments_pkey primary key (id),
    constraint attachments_id_form check (length(id) = 64 and id not glob '*[^0-9a-f]*'),
    constraint attachments_size_range check (size >= 0),
    constraint attachments_uploaded_boolean check (uploaded in (0, 1)),
    constraint attachments_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict, without rowid;

CREATE TABLE auth_users (
    id text not null,
    email text,
    raw_user_meta_data text default '{}',
    last_sign_in_at text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint auth_users_pkey primary key (id),
    constraint auth_users_raw_user_meta_data_json check (raw_user_meta_data is null or json_valid(raw_user_meta_data)),
    constraint auth_users_last_sign_in_at_form check (last_sign_in_at glob '????-??-??T??:??:??.??????Z'),
    constraint auth_users_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint auth_users_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE branched_conversations (
    session_id text not null primary key,
    leaf_id text not null default '',
    leaf_at text not null default '',
    trunk integer not null default 0,      -- 1: the leaf has no parent_id, and neither needs what follows it
    stale integer not null default 1
) strict, without rowid;

CREATE TABLE chat_messages (
    local_id integer primary key autoincrement, -- local only, as in chat_sessions
    id text not null,
    session_id text not null,
    role text not null,
    content text not null,
    model text,
    total_tokens integer default 0,
    input_tokens integer default 0,
    output_tokens integer default 0,
    user_message_id text,
    content_type text default 'text',
    elapsed_time integer default 0, -- seconds, kept in step with elapsed_ms whichever of the two is written
    completion_id text,
    message_timestamp text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    error_message text,
    is_streaming integer default 0,
    metadata text default '{}',
    elapsed_ms integer default 0,
    raw_message text,
    reasoning text,
    reasoning_details text,
    has_attachments integer not null default 0,
    attachment_count integer not null default 0,
    has_websearch integer not null default 0,
    websearch_result_count integer not null default 0,
    output_image_tokens integer not null default 0,
    annotations text,
    -- Local only. What the message is to the statistics: null, nothing, for it failed; 2 a system message, which is counted and has a
    -- time, but is never the preview; 1 a message of the talk; 0 one that also names a model. Each newest is then one step in one index.
    standing integer generated always as (
        case
            when error_message <> '' then null
            when role = 'system' then 2
            when model is null then 1
            else 0
        end
    ) virtual, parent_id text
    constraint chat_messages_parent_id_length check (length(parent_id) <= 255),
    constraint chat_messages_id_key unique (id),
    constraint chat_messages_session_id_fkey foreign key (session_id) references chat_sessions (id) on delete cascade,
    constraint chat_messages_role_known check (role in ('user', 'assistant', 'system')),
    constraint chat_messages_model_length check (length(model) <= 100),
    constraint chat_messages_content_type_known check (content_type in ('text', 'markdown')),
    constraint chat_messages_completion_id_length check (length(completion_id) <= 255),
    constraint chat_messages_message_timestamp_form check (message_timestamp glob '????-??-??T??:??:??.??????Z'),
    constraint chat_messages_is_streaming_boolean check (is_streaming in (0, 1)),
    constraint chat_messages_metadata_json check (metadata is null or json_valid(metadata)),
    constraint chat_messages_raw_message_json check (raw_message is null or json_valid(raw_message)),
    constraint chat_messages_reasoning_details_json check (reasoning_details is null or json_valid(reasoning_details)),
    constraint chat_messages_has_attachments_boolean check (has_attachments in (0, 1)),
    constraint chat_messages_attachment_count_range check (attachment_count between 0 and 3),
    constraint chat_messages_has_websearch_boolean check (has_websearch in (0, 1)),
    constraint chat_messages_websearch_result_count_range check (websearch_result_count between 0 and 50),
    constraint chat_messages_annotations_json check (annotations is null or json_valid(annotations)),
    constraint chat_messages_counters_range check (
        total_tokens >= 0 and input_tokens >= 0 and output_tokens >= 0 and elapsed_ms >= 0 and elapsed_time >= 0
    )
) strict;

CREATE TABLE chat_sessions (
    -- Local only: what the full-text index points at; an implicit rowid may change in a VACUUM. Never given twice, because the index keeps
    -- the words of what is in the trash.
    local_id integer primary key autoincrement,
    id text not null,
    user_id text not null,
    title text not null default 'New Chat',
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    last_activity text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    message_count integer not null default 0,
    total_tokens integer not null default 0,
    last_model text,
    is_active integer not null default 1,
    last_message_preview text,
    last_message_timestamp text,
    last_message text, pinned integer not null default 0 constraint chat_sessions_pinned_boolean check (pinned in (0, 1)), archived integer not null default 0 constraint chat_sessions_archived_boolean check (archived in (0, 1)), -- last, because it may be long: reading the others then stops before it
    constraint chat_sessions_id_key unique (id),
    constraint chat_sessions_user_id_fkey
        foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint chat_sessions_title_length check (length(title) <= 255),
    constraint chat_sessions_last_model_length check (length(last_model) <= 100),
    constraint chat_sessions_is_active_boolean check (is_active in (0, 1)),
    constraint chat_sessions_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint chat_sessions_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z'),
    constraint chat_sessions_last_activity_form check (last_activity glob '????-??-??T??:??:??.??????Z'),
    constraint chat_sessions_last_message_timestamp_form
        check (last_message_timestamp glob '????-??-??T??:??:??.??????Z'),
    constraint chat_sessions_last_message_json check (last_message is null or json_valid(last_message))
) strict;

CREATE TABLE deleted_items (
    user_id text not null,
    kind text not null,
    id text not null,
    session_id text not null,
    deleted_at text not null,
    constraint deleted_items_pkey primary key (kind, id),
    constraint deleted_items_kind_known check (kind in ('session', 'message')),
    constraint deleted_items_deleted_at_form check (deleted_at glob '????-??-??T??:??:??.??????Z')
) strict, without rowid;

CREATE TABLE deleted_sessions (
    id text not null,
    constraint deleted_sessions_pkey primary key (id)
) strict, without rowid;

CREATE TABLE "drafts" (
    session_id text not null,              -- empty: the conversation that is not made yet
    owner text not null default '',        -- name of the file that the window's process holds locked; empty: of no window that lives
    content text not null,
    updated_at text not null, attachments text not null default '[]' constraint drafts_attachments_json check (json_valid(attachments)),
    primary key (session_id, owner)
) strict, without rowid;

CREATE TABLE hidden_messages (
    session_id text not null,
    message_id text not null,
    primary key (session_id, message_id)
) strict, without rowid;

CREATE TABLE import_changes (
    run_id integer not null,
    session_id text not null,
    before text,                           -- what it changed, as json; null: the conversation was new
    undone integer not null default 0,
    constraint import_changes_pkey primary key (run_id, session_id),
    constraint import_changes_before_json check (before is null or json_valid(before)),
    constraint import_changes_undone_boolean check (undone in (0, 1)),
    constraint import_changes_run foreign key (run_id) references import_runs (id) on delete cascade
) strict, without rowid;

CREATE TABLE import_runs (
    id integer primary key autoincrement,
    began_at text not null,
    state text not null default 'running',
    paths text not null,                   -- json array of what was imported
    counts text not null default '{}',     -- json object of what came of it
    constraint import_runs_state_known check (state in ('running', 'done', 'stopped', 'undone')),
    constraint import_runs_paths_json check (json_valid(paths)),
    constraint import_runs_counts_json check (json_valid(counts))
) strict;

CREATE TABLE interactions_waiting (
    place integer not null primary key,
    id text not null unique,
    session_token text not null,           -- of the visit in which it happened
    session_id text,                       -- the server's id of that visit, once it is known: nothing is sent without one
    event_type text not null,
    content_id text,
    duration integer,
    event_data text not null constraint interactions_waiting_json check (json_valid(event_data)),
    created_at text not null
) strict;

CREATE TABLE live_replies (
    id text not null primary key,          -- the id its message will have
    session_id text not null,
    user_message_id text not null,
    model text,
    message_timestamp text not null,
    content text not null default '',
    reasoning text not null default '',
    owner text not null                    -- name of the file that the receiving process holds locked; a free lock means it died
, parent_id text, continues text, metadata text not null default '{}'
    constraint live_replies_metadata_json check (json_valid(metadata)), waiting text, waiting_since text) strict;

CREATE TABLE local_state (
    key text not null primary key,
    value text not null constraint local_state_json check (json_valid(value))
) strict, without rowid;

CREATE TABLE meaning_changes (
    seq integer primary key autoincrement,
    place integer not null                 -- local_id of a message that was changed, deleted, brought back or (un)hidden
) strict;

CREATE TABLE meaning_state (
    only_row integer primary key default 1,
    name text not null default '',         -- of the vectors that this history belongs to; empty: search by meaning is off
    seen integer not null default 0,       -- newest local_id that has been read; later messages are found by it
    constraint meaning_state_only_row check (only_row = 1)
) strict;

CREATE TABLE memory_input (
    one integer primary key,
    message text,
    before text, -- what the message said before, as memory_text
    constraint memory_input_one_row check (one = 1)
) strict;

CREATE TABLE message_attachments (
    message_id text not null,
    position integer not null,
    attachment_id text not null,
    name text not null,
    media_type text not null,
    size integer not null,
    constraint message_attachments_pkey primary key (message_id, position)
) strict, without rowid;

CREATE VIRTUAL TABLE message_search using fts5 (
    content,
    content = 'searchable_messages',
    content_rowid = 'local_id',
    tokenize = "unicode61 remove_diacritics 2",
    prefix = '1 2 3'
);

CREATE TABLE model_access (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    model_id text not null,
    tier text not null,
    is_active integer default 1,
    input_cost_per_token real default 0,
    output_cost_per_token real default 0,
    daily_limit integer, -- null: no limit
    monthly_limit integer,
    model_name text,
    model_description text,
    model_tags text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint model_access_pkey primary key (id),
    constraint model_access_model_id_tier_key unique (model_id, tier),
    constraint model_access_model_id_length check (length(model_id) <= 100),
    constraint model_access_tier_known check (tier in ('free', 'pro', 'enterprise', 'admin')),
    constraint model_access_is_active_boolean check (is_active in (0, 1)),
    constraint model_access_model_name_length check (length(model_name) <= 255),
    constraint model_access_model_tags_json check (model_tags is null or json_valid(model_tags)),
    constraint model_access_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint model_access_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE profiles (
    id text not null,
    email text not null,
    full_name text,
    avatar_url text,
    default_model text default 'deepseek/deepseek-r1-0528:free',
    temperature real default 0.7,
    system_prompt text default 'You are a helpful AI assistant.',
    subscription_tier text default 'free',
    credits integer not null default 0,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    last_active text default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    usage_stats text default '{"total_messages":0,"total_tokens":0,"sessions_created":0}',
    allowed_models text default '["deepseek/deepseek-r1-0528:free"]',
    ui_preferences text default
        '{"theme":"dark","sidebar_width":280,"code_highlighting":true,"auto_save":true,"show_token_count":true,"compact_mode":false,"show_model_info":true,"auto_scroll":true,"message_grouping":true}',
    session_preferences text default
        '{"max_history":10,"auto_title":true,"save_anonymous":false,"auto_save_interval":30,"confirm_delete":true,"show_timestamps":true,"export_format":"markdown"}',
    clerk_id text not null default '', -- a trigger makes it the id at once
    last_session_id text,
    total_conversations integer not null default 0,
    total_searches integer not null default 0,
    message_count integer not null default 0,
    token_usage integer not null default 0,
    subscription_status text not null default 'active',
    constraint profiles_pkey primary key (id),
    -- on update cascade: an account that was local takes the id of the server account it signs in to
    constraint profiles_id_fkey foreign key (id) references auth_users (id) on delete cascade on update cascade,
    constraint profiles_last_session_id_fkey foreign key (last_session_id) references chat_sessions (id) on delete set null,
    constraint profiles_email_length check (length(email) <= 255),
    constraint profiles_full_name_length check (length(full_name) <= 255),
    constraint profiles_default_model_length check (length(default_model) <= 100),
    -- numeric(3,2) rounds decimals before it checks them; the factor makes 2.005, a little less as a binary number, round up too
    constraint profiles_temperature_range check (round(temperature * 1.0000000000001, 2) between 0.0 and 2.0),
    constraint profiles_subscription_tier_known check (subscription_tier in ('free', 'pro', 'enterprise')),
    constraint profiles_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint profiles_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z'),
    constraint profiles_last_active_form check (last_active glob '????-??-??T??:??:??.??????Z'),
    constraint profiles_usage_stats_json check (usage_stats is null or json_valid(usage_stats)),
    constraint profiles_allowed_models_json check (allowed_models is null or json_valid(allowed_models)),
    constraint profiles_ui_preferences_json check (ui_preferences is null or json_valid(ui_preferences)),
    constraint profiles_session_preferences_json check (session_preferences is null or json_valid(session_preferences))
) strict;

CREATE TABLE search_backlog (
    first_id integer primary key,
    last_id integer not null
) strict;

CREATE TABLE search_sessions (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id text not null,
    filters text not null,
    results text not null,
    results_count integer not null,
    status text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint search_sessions_pkey primary key (id),
    constraint search_sessions_user_id_fkey
        foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint search_sessions_filters_json check (json_valid(filters)),
    constraint search_sessions_results_json check (json_valid(results)),
    constraint search_sessions_status_known check (status in ('completed', 'no_results', 'failed')),
    constraint search_sessions_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE session_counts (
    session_id text not null,
    messages integer not null,
    tokens integer not null,
    constraint session_counts_pkey primary key (session_id),
    constraint session_counts_session_id_fkey foreign key (session_id) references chat_sessions (id) on delete cascade
) strict, without rowid;

CREATE TABLE session_marks (
    session_id text not null primary key,
    unread integer not null constraint session_marks_unread check (unread in (0, 1)),
    constraint session_marks_session foreign key (session_id) references chat_sessions (id) on update cascade on delete cascade
) strict, without rowid;

CREATE TABLE session_settings (
    session_id text not null,
    key text not null,
    value text not null constraint session_settings_json check (json_valid(value)),
    primary key (session_id, key),
    constraint session_settings_session foreign key (session_id) references chat_sessions (id) on update cascade on delete cascade
) strict, without rowid;

CREATE TABLE sync_account (
    one integer not null primary key constraint sync_account_one check (one = 1),
    origin text not null,
    user_id text not null,
    mode text,
    caps text,
    caps_at integer
) strict;

CREATE TABLE sync_conflict (
    id integer primary key,
    at integer,
    what text,
    ref text,
    value text,
    dismissed integer not null default 0
) strict;

CREATE TABLE sync_deferred (
    kind text not null,
    id text not null,
    session_id text not null,
    seq integer not null,
    content text not null constraint sync_deferred_json check (json_valid(content)),
    primary key (kind, id)
) strict, without rowid;

CREATE TABLE sync_inflight (
    one integer not null primary key constraint sync_inflight_one check (one = 1),
    push_seq integer not null,
    body blob not null,
    items text not null
) strict;

CREATE TABLE sync_message_state (
    message_id text not null primary key,
    server_seq integer not null default 0,
    body_time integer not null default 0,
    body_tiebreak text not null default ''
) strict, without rowid;

CREATE TABLE sync_outbox (
    seq integer primary key autoincrement,
    kind text not null constraint sync_outbox_kind check (kind = 'c' or kind = 'm' or kind = 'x' or kind = 's'),
    id text not null,                      -- of a setting: <session id>/<key>; of a clear: all
    conv_id text not null,
    op text not null constraint sync_outbox_op check (op = 'put' or op = 'del' or op = 'clear' or op = 'restore'),
    rev integer not null default 1,
    sent integer not null default 0,
    edited_at integer not null,            -- ms since 1970
    restamp integer not null default 0,
    arg integer,
    tries integer not null default 0,
    not_before integer,
    err text,
    refused_rev integer not null default 0,
    constraint sync_outbox_thing unique (kind, id)
) strict;

CREATE TABLE sync_partial_conversations (
    session_id text not null primary key,
    summary text not null constraint sync_partial_conversations_json check (json_valid(summary))
) strict, without rowid;

CREATE TABLE sync_private (
    conv_id text not null primary key      -- private conversations; a table of its own, so that replacing a row cannot publish it
) strict, without rowid;

CREATE TABLE sync_private_deletions (
    session_id text not null,
    message_id text not null,
    primary key (session_id, message_id)
) strict, without rowid;

CREATE TABLE sync_recovered_messages (
    message_id text not null primary key
) strict, without rowid;

CREATE TABLE sync_remote (
    id text not null primary key,
    fingerprint text,                      -- of the conversation as the server showed it last
    title_base text
, title_sent text) strict, without rowid;

CREATE TABLE sync_remote_message (
    message_id text not null primary key,
    base text not null default '',         -- a digest; empty: never seen there
    sent text not null default '',
    extra text constraint sync_remote_message_json check (extra is null or json_valid(extra)) -- what the server says beside our columns
) strict, without rowid;

CREATE TABLE sync_seen (
    kind text not null,
    id text not null,
    primary key (kind, id)
) strict, without rowid;

CREATE TABLE sync_session_state (
    session_id text not null primary key,
    server_seq integer not null default 0,    -- sequence number of what was last acknowledged; 0: nothing
    created_seq integer not null default 0,
    title_class integer not null default 0,  -- 0 automatic, 1 by hand
    title_time integer not null default 0,
    title_tiebreak text not null default ''
, acked_class integer not null default 0) strict, without rowid;

CREATE TABLE sync_setting_state (
    id text not null primary key,          -- <session id>/<key>
    server_seq integer not null default 0,
    time integer not null default 0,
    tiebreak text not null default ''
) strict, without rowid;

CREATE TABLE sync_state (
    one integer not null primary key constraint sync_state_one check (one = 1),
    replica text not null default '',
    push_seq integer not null default 0,
    cursor integer not null default 0,      -- sequence number up to which remote rows are applied
    full_cursor integer not null default 0, -- the cursor at the end of the last complete pull
    seen_seq integer not null default 0,   -- newest commit ever heard of
    seen_nonce text not null default '',
    resync integer not null default 0,
    fence integer not null default 0,
    next_at integer,
    fails integer not null default 0
, complete integer not null default 0, resynced integer not null default 0) strict;

CREATE TABLE sync_tombstones (
    kind text not null,
    id text not null, server_seq integer not null default 0,
    primary key (kind, id)
) strict, without rowid;

CREATE TABLE system_cache (
    cache_key text not null,
    cache_value text not null,
    expires_at text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint system_cache_pkey primary key (cache_key),
    constraint system_cache_cache_key_length check (length(cache_key) <= 255),
    constraint system_cache_cache_value_json check (json_valid(cache_value)),
    constraint system_cache_expires_at_form check (expires_at glob '????-??-??T??:??:??.??????Z'),
    constraint system_cache_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint system_cache_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE system_stats (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    stat_date text not null,
    total_users integer default 0,
    active_users_today integer default 0,
    new_users_today integer default 0,
    total_conversations integer default 0,
    total_messages integer default 0,
    total_tokens integer default 0,
    avg_response_time real default 0,
    error_rate real default 0,
    database_size_mb real default 0,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint system_stats_pkey primary key (id),
    constraint system_stats_stat_date_key unique (stat_date),
    constraint system_stats_stat_date_form check (stat_date glob '????-??-??'),
    constraint system_stats_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE VIRTUAL TABLE title_search using fts5 (
    title,
    content = 'chat_sessions',
    content_rowid = 'local_id',
    tokenize = "unicode61 remove_diacritics 2",
    prefix = '1 2 3'
);

CREATE TABLE trash (
    token integer primary key autoincrement,
    at text not null,
    kind text not null constraint trash_kind check (kind in ('session', 'message', 'reply', 'clear')),
    title text not null,
    sessions integer not null,
    messages integer not null,
    indexed integer not null               -- 1: the words of its messages are still in the index, to be removed when it is emptied
, elsewhere integer not null default 0, labels text constraint trash_labels_json check (labels is null or json_valid(labels))) strict;

CREATE TABLE trash_rows (
    row_id integer primary key,
    token integer not null,
    place text not null,                   -- the table it came from
    thing text not null,                   -- its id
    content text not null,
    constraint trash_rows_trash foreign key (token) references trash (token) on delete cascade
) strict;

CREATE TABLE user_activity_log (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id text not null,
    action text not null,
    resource_type text,
    resource_id text,
    details text default '{}',
    timestamp text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    ip_address text,
    user_agent text,
    constraint user_activity_log_pkey primary key (id),
    constraint user_activity_log_user_id_fkey
        foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_activity_log_action_length check (length(action) <= 50),
    constraint user_activity_log_resource_type_length check (length(resource_type) <= 50),
    constraint user_activity_log_details_json check (details is null or json_valid(details)),
    constraint user_activity_log_timestamp_form check (timestamp glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE user_interactions (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    session_id text not null,
    user_id text,
    event_type text not null,
    content_id text,
    duration integer,
    event_data text not null default '{}',
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint user_interactions_pkey primary key (id),
    constraint user_interactions_session_fkey foreign key (session_id) references user_sessions (id) on delete cascade,
    constraint user_interactions_user_id_fkey
    foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_interactions_event_data_json check (json_valid(event_data)),
    constraint user_interactions_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE user_sessions (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id text,
    session_token text not null default (
        'sess_' || cast((julianday('now') - 2440587.5) * 86400000 as integer) || '_' || substr(lower(hex(randomblob(5))), 2)
    ),
    user_identifier text,
    started_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    ended_at text,
    message_count integer not null default 0,
    user_agent text,
    referrer text,
    device_type text,
    device_info text not null default '{}',
    metadata text not null default '{}',
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint user_sessions_pkey primary key (id),
    constraint user_sessions_session_token_key unique (session_token),
    constraint user_sessions_user_id_fkey foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_sessions_session_token_length check (length(session_token) <= 255),
    constraint user_sessions_user_identifier_length check (length(user_identifier) <= 255),
    constraint user_sessions_device_type_known check (device_type in ('mobile', 'tablet', 'desktop', 'terminal')),
    constraint user_sessions_device_info_json check (json_valid(device_info)),
    constraint user_sessions_metadata_json check (json_valid(metadata)),
    constraint user_sessions_somebody check (user_id is not null or user_identifier is not null),
    constraint user_sessions_ended_after check (ended_at >= started_at),
    constraint user_sessions_times_form check (
        started_at glob '????-??-??T??:??:??.??????Z' and (ended_at is null or ended_at glob '????-??-??T??:??:??.??????Z')
        and created_at glob '????-??-??T??:??:??.??????Z' and updated_at glob '????-??-??T??:??:??.??????Z'
    )
) strict;

CREATE TABLE user_usage_daily (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id text not null,
    usage_date text not null,
    messages_sent integer default 0,
    messages_received integer default 0,
    input_tokens integer default 0,
    output_tokens integer default 0,
    total_tokens integer default 0,
    models_used text default '{}',
    sessions_created integer default 0,
    active_minutes integer default 0, -- generation_ms in minutes, begun ones whole
    estimated_cost real default 0,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    generation_ms integer default 0,
    constraint user_usage_daily_pkey primary key (id),
    constraint user_usage_daily_user_id_usage_date_key unique (user_id, usage_date),
    constraint user_usage_daily_user_id_fkey
        foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_usage_daily_usage_date_form check (usage_date glob '????-??-??'),
    constraint user_usage_daily_models_used_json check (models_used is null or json_valid(models_used)),
    constraint user_usage_daily_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z'),
    constraint user_usage_daily_updated_at_form check (updated_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE visit_messages (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    session_id text,
    message_type text not null,
    content text not null,
    embedding blob,
    similar_qa_matches text,
    similarity_scores text,
    processing_time_ms integer,
    error_message text,
    sequence_order integer not null,
    message_id text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint visit_messages_pkey primary key (id),
    constraint visit_messages_order_key unique (session_id, sequence_order),
    constraint visit_messages_session_fkey foreign key (session_id) references user_sessions (id) on delete cascade,
    constraint visit_messages_message_fkey
    foreign key (message_id) references chat_messages (id) on update cascade on delete cascade,
    constraint visit_messages_message_type_length check (length(message_type) <= 20),
    constraint visit_messages_embedding_length check (length(embedding) = 1536),
    constraint visit_messages_similar_qa_matches_json check (similar_qa_matches is null or json_valid(similar_qa_matches)),
    constraint visit_messages_similarity_scores_json check (similarity_scores is null or json_valid(similarity_scores)),
    constraint visit_messages_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE TABLE write_context (
    one integer primary key,
    applying integer not null default 0, -- 1: rows come from elsewhere or from the trash: keep their times, count no usage
    bulk integer not null default 0, -- 1: an import, which computes statistics once at its end
    now text, filling integer not null default 0 constraint write_context_filling_boolean check (filling in (0, 1)), -- the time of the transaction
    constraint write_context_one_row check (one = 1),
    constraint write_context_applying_boolean check (applying in (0, 1)),
    constraint write_context_bulk_boolean check (bulk in (0, 1)),
    constraint write_context_now_form check (now glob '????-??-??T??:??:??.??????Z')
) strict;

CREATE VIEW api_user_summary as
select
    p.id,
    p.email,
    p.full_name,
    p.avatar_url,
    p.subscription_tier,
    p.credits,
    p.default_model,
    p.temperature,
    p.system_prompt,
    p.ui_preferences,
    p.session_preferences,
    p.allowed_models,
    p.last_active,
    coalesce(u.messages_sent + u.messages_received, 0) as messages_today,
    coalesce(u.total_tokens, 0) as tokens_today,
    (select count(*) from chat_sessions as s where s.user_id = p.id) as total_sessions
from profiles as p
left join user_usage_daily as u on u.user_id = p.id and u.usage_date = (select today from moment);

CREATE VIEW attachments_of_messages as
select
    m.id as message_id,
    a.key as position,
    json_extract(a.value, '$.id') as attachment_id,
    substr(coalesce(iif(json_type(a.value, '$.name') = 'text', json_extract(a.value, '$.name'), null), ''), 1, 255) as name,
    substr(coalesce(iif(json_type(a.value, '$.type') = 'text', json_extract(a.value, '$.type'), null), ''), 1, 100) as media_type,
    iif(
        json_type(a.value, '$.size') = 'integer' and json_extract(a.value, '$.size') between 0 and 9007199254740991,
        json_extract(a.value, '$.size'),
        0
    ) as size
from chat_messages as m, json_each(m.metadata, '$.attachments') as a
where
    m.has_attachments = 1
    and json_type(m.metadata, '$.attachments') = 'array'
    and a.key < 20
    and a.type = 'object'
    and json_type(a.value, '$.id') = 'text'
    and length(json_extract(a.value, '$.id')) = 64
    and json_extract(a.value, '$.id') not glob '*[^0-9a-f]*';

CREATE VIEW chat_memory as
select
    m.id,
    m.session_id,
    coalesce(
        m.raw_message, json_object('id', m.id, 'role', m.role, 'content', m.content, 'model', m.model)
    ) as message,
    m.message_timestamp as created_at,
    s.user_id
from chat_messages as m
join chat_sessions as s on s.id = m.session_id;

CREATE VIEW handle_user_profile_sync as
select null as user_id
where false;

CREATE VIEW memory_nodes as
with every as materialized (
    select n.id, n.parent, n.key, n.type, n.atom
    from memory_input as i, json_tree(i.message) as n
)

select id, parent, key, type, atom
from every as n
where not exists (select 1 from every as later where later.parent = n.parent and later.key = n.key and later.id > n.id);

CREATE VIEW memory_parts as
with nodes as materialized (
    select * from memory_nodes
)

select
    case
        when top.role in ('user', 'assistant', 'system') then top.role
        when top.kind = 'ai' then 'assistant'
        when top.kind = 'system' then 'system'
        else 'user'
    end as role,
    coalesce(
        top.content,
        (
            select c.atom
            from nodes as d
            join nodes as c on c.parent = d.id and c.key = 'content' and c.type = 'text'
            where d.parent = 0 and d.key = 'data' and d.type = 'object'
        ),
        top.text,
        (select text from memory_text)
    ) as content,
    iif(length(top.model) <= 100, top.model, null) as model,
    (select json(message) from memory_input) as raw
from (
    select
        max(iif(key = 'role', atom, null)) as role,
        max(iif(key = 'type', atom, null)) as kind,
        max(iif(key = 'content', atom, null)) as content,
        max(iif(key = 'text', atom, null)) as text,
        max(iif(key = 'model', atom, null)) as model
    from nodes
    where parent = 0 and type = 'text' and typeof(key) = 'text'
) as top;

CREATE VIEW memory_text as
with recursive nodes as materialized (
    select * from memory_nodes
),

folded as (
    select
        max(id) + 1 as id,
        '{}' as texts
    from nodes
    union all
    select
        n.id,
        json_set(
            f.texts,
            '$."' || n.id || '"',
            case n.type
                when 'array' then '[' || coalesce((
                    select group_concat(text, ', ')
                    from (
                        select json_extract(f.texts, '$."' || c.id || '"') as text
                        from nodes as c
                        where c.parent = n.id
                        order by c.id
                    )
                ), '') || ']'
                when 'object' then '{' || coalesce((
                    select group_concat(text, ', ')
                    from (
                        select json_quote(c.key) || ': ' || json_extract(f.texts, '$."' || c.id || '"') as text
                        from nodes as c
                        where c.parent = n.id
                        order by length(cast(c.key as blob)), cast(c.key as blob)
                    )
                ), '') || '}'
                when 'integer' then json_quote(n.atom) || '' -- text, and no JSON that json_set would take for a value
                when 'real' then json_quote(n.atom) || ''
                when 'text' then json_quote(n.atom) || ''
                else n.type
            end
        )
    from folded as f
    join nodes as n on n.id = (select max(id) from nodes where id < f.id)
)

select json_extract(texts, '$."0"') as text
from folded
where id = 0;

CREATE VIEW moment as
select
    coalesce(now, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z') as now,
    coalesce(substr(now, 1, 10), strftime('%Y-%m-%d', 'now')) as today
from write_context;

CREATE VIEW searchable_messages as
select local_id, content from chat_messages where role <> 'system';

CREATE VIEW sync_moment as
select cast(round((julianday(coalesce(now, 'now')) - 2440587.5) * 86400000.0) as integer) as ms
from write_context;

CREATE VIEW track_user_usage as
select
    null as user_id,
    null as messages_sent,
    null as messages_received,
    null as input_tokens,
    null as output_tokens,
    null as models_used,
    null as sessions_created,
    null as generation_ms,
    null as usage_date
where false;

CREATE VIEW update_session_stats as
select
    null as session_id,
    null as messages,
    null as tokens
where false;

CREATE VIEW users as
select
    id,
    email,
    last_active as last_seen_at,
    total_conversations,
    total_searches,
    created_at,
    updated_at,
    avatar_url,
    message_count,
    token_usage,
    subscription_tier,
    subscription_status,
    clerk_id,
    last_session_id
from profiles;

CREATE VIEW visits_chat_messages as
select
    v.id,
    v.session_id,
    v.message_type,
    coalesce(m.content, v.content) as content,
    v.embedding,
    v.similar_qa_matches,
    v.similarity_scores,
    v.processing_time_ms,
    v.error_message,
    v.sequence_order,
    v.created_at
from visit_messages as v
left join chat_messages as m on m.id = v.message_id;

CREATE VIEW visits_chat_sessions as
select
    id,
    session_token,
    user_identifier,
    started_at,
    ended_at,
    message_count,
    user_agent,
    referrer,
    device_type,
    created_at,
    updated_at
from user_sessions;

CREATE INDEX branched_conversations_stale on branched_conversations (session_id) where stale = 1;

CREATE INDEX chat_sessions_listed on chat_sessions (archived, pinned desc, coalesce(last_message_timestamp, created_at) desc, id desc);

CREATE INDEX chat_sessions_newest on chat_sessions (coalesce(last_message_timestamp, created_at) desc, id desc);

CREATE INDEX deleted_items_session on deleted_items (session_id);

CREATE INDEX idx_activity_log_action on user_activity_log (action);

CREATE INDEX idx_activity_log_timestamp on user_activity_log (timestamp);

CREATE INDEX idx_activity_log_user_id on user_activity_log (user_id);

CREATE INDEX idx_chat_memory_session_id on chat_messages (session_id) where raw_message is not null;

CREATE INDEX idx_chat_messages_completion_id on chat_messages (completion_id);

CREATE INDEX idx_chat_messages_created_at on visit_messages (created_at);

CREATE INDEX idx_chat_messages_parent_id on chat_messages (session_id, parent_id, message_timestamp, id)
where parent_id is not null;

CREATE INDEX idx_chat_messages_session_id on chat_messages (session_id);

CREATE INDEX idx_chat_messages_session_timestamp on chat_messages (session_id, message_timestamp, id);

CREATE INDEX idx_chat_messages_standing on chat_messages (session_id, standing, message_timestamp, id)
where standing is not null;

CREATE INDEX idx_chat_messages_timestamp on chat_messages (message_timestamp);

CREATE INDEX idx_chat_messages_tokens_role on chat_messages (role, input_tokens, output_tokens)
where input_tokens > 0 or output_tokens > 0;

CREATE INDEX idx_chat_messages_type on visit_messages (message_type);

CREATE INDEX idx_chat_messages_user_message_id on chat_messages (user_message_id) where user_message_id is not null;

CREATE INDEX idx_chat_sessions_started_at on user_sessions (started_at);

CREATE INDEX idx_chat_sessions_updated_at on chat_sessions (updated_at desc);

CREATE INDEX idx_chat_sessions_user_id on chat_sessions (user_id);

CREATE INDEX idx_chat_sessions_user_identifier on user_sessions (user_identifier);

CREATE INDEX idx_chat_sessions_user_updated on chat_sessions (user_id, updated_at desc);

CREATE INDEX idx_message_attachments_attachment_id on message_attachments (attachment_id);

CREATE INDEX idx_model_access_model_id on model_access (model_id, is_active);

CREATE INDEX idx_model_access_tier on model_access (tier, is_active);

CREATE INDEX idx_profiles_email on profiles (email);

CREATE INDEX idx_profiles_last_active on profiles (last_active);

CREATE INDEX idx_profiles_subscription_tier on profiles (subscription_tier);

CREATE INDEX idx_system_cache_expires on system_cache (expires_at) where expires_at is not null;

CREATE INDEX idx_system_stats_date on system_stats (stat_date desc);

CREATE INDEX idx_usage_daily_date on user_usage_daily (usage_date desc);

CREATE INDEX idx_usage_daily_user_date on user_usage_daily (user_id, usage_date desc);

CREATE INDEX idx_user_interactions_session on user_interactions (session_id, created_at);

CREATE INDEX idx_user_interactions_user on user_interactions (user_id, created_at);

CREATE INDEX idx_user_sessions_open on user_sessions (updated_at) where ended_at is null;

CREATE INDEX idx_user_sessions_user on user_sessions (user_id, started_at);

CREATE INDEX idx_visit_messages_message_id on visit_messages (message_id);

CREATE INDEX idx_visit_messages_session_id on visit_messages (session_id);

CREATE INDEX import_changes_session on import_changes (session_id, run_id);

CREATE INDEX live_replies_session on live_replies (session_id);

CREATE INDEX session_settings_key on session_settings (key, session_id);

CREATE INDEX sync_deferred_session on sync_deferred (session_id);

CREATE INDEX sync_outbox_conv on sync_outbox (conv_id);

CREATE INDEX sync_outbox_tried on sync_outbox (tries) where tries > 0;

CREATE INDEX trash_at on trash (at);

CREATE INDEX trash_elsewhere on trash (at) where elsewhere = 1;

CREATE INDEX trash_rows_thing on trash_rows (place, thing);

CREATE INDEX trash_rows_token on trash_rows (token, place);

CREATE UNIQUE INDEX users_clerk_id_idx on profiles (clerk_id);

CREATE TRIGGER auth_users_default_times after insert on auth_users
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update auth_users
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER auth_users_take_along after delete on auth_users
begin
    delete from profiles where id = old.id;
end;

CREATE TRIGGER branches_end_delete after delete on session_settings
when old.key = 'branch_end'
begin
    update branched_conversations set stale = 1 where session_id = old.session_id;
end;

CREATE TRIGGER branches_end_insert after insert on session_settings
when new.key = 'branch_end'
begin
    insert into branched_conversations (session_id) values (new.session_id)
    on conflict (session_id) do update set stale = 1;
end;

CREATE TRIGGER branches_end_update after update of value on session_settings
when new.key = 'branch_end' and new.value is not old.value
begin
    insert into branched_conversations (session_id) values (new.session_id)
    on conflict (session_id) do update set stale = 1;
end;

CREATE TRIGGER branches_leaf_delete after delete on session_settings
when old.key = 'leaf'
begin
    update branched_conversations set stale = 1 where session_id = old.session_id;
end;

CREATE TRIGGER branches_leaf_insert after insert on session_settings
when new.key = 'leaf'
begin
    update branched_conversations set stale = 1 where session_id = new.session_id;
end;

CREATE TRIGGER branches_leaf_update after update of value on session_settings
when new.key = 'leaf' and new.value is not old.value
begin
    update branched_conversations set stale = 1 where session_id = new.session_id;
end;

CREATE TRIGGER branches_message_delete after delete on chat_messages
when exists (select 1 from branched_conversations where session_id = old.session_id and stale = 0)
begin
    update branched_conversations set stale = 1 where session_id = old.session_id;
end;

CREATE TRIGGER branches_message_insert after insert on chat_messages
when new.parent_id is not null or exists (select 1 from branched_conversations where session_id = new.session_id)
begin
    -- a message that continues the shown branch becomes its end
    update branched_conversations
    set leaf_id = new.id, leaf_at = new.message_timestamp, trunk = new.parent_id is null
    where session_id = new.session_id
        and stale = 0
        and (leaf_at, leaf_id) < (new.message_timestamp, new.id)
        and (new.parent_id = leaf_id or (new.parent_id is null and trunk = 1))
        and not exists (select 1 from chat_messages where session_id = new.session_id and parent_id = new.id);
    insert into branched_conversations (session_id)
    select new.session_id
    where not exists (
        select 1 from branched_conversations where session_id = new.session_id and stale = 0 and leaf_id = new.id
    )
    on conflict (session_id) do update set stale = 1;
end;

CREATE TRIGGER branches_message_update after update of id, session_id, message_timestamp, parent_id on chat_messages
when (old.id, old.session_id, old.message_timestamp, old.parent_id)
    is not (new.id, new.session_id, new.message_timestamp, new.parent_id)
begin
    update branched_conversations set stale = 1 where session_id in (old.session_id, new.session_id);
    insert into branched_conversations (session_id)
    select new.session_id
    where new.parent_id is not null
    on conflict (session_id) do update set stale = 1;
end;

CREATE TRIGGER branches_session_delete after delete on chat_sessions
begin
    delete from branched_conversations where session_id = old.id;
    delete from hidden_messages where session_id = old.id;
end;

CREATE TRIGGER capture_message_delete after delete on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and exists (select 1 from chat_sessions where id = old.session_id)
    and not exists (select 1 from sync_private where conv_id = old.session_id)
begin
    insert into sync_tombstones (kind, id) values ('m', old.id) on conflict do nothing;
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', old.id, old.session_id, 'del', ms from sync_moment
    where exists (select 1 from sync_message_state where message_id = old.id and server_seq > 0)
        or exists (select 1 from sync_outbox where kind = 'm' and id = old.id and sent > 0)
    on conflict (kind, id) do update set op = 'del', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
    delete from sync_outbox where kind = 'm' and id = old.id and op <> 'del';
end;

CREATE TRIGGER capture_message_insert after insert on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
begin
    delete from sync_tombstones where kind = 'm' and id = new.id;
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', new.id, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set
        op = 'put', conv_id = excluded.conv_id, rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER capture_message_update after update of
    session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type, completion_id,
    message_timestamp, error_message, is_streaming, metadata, elapsed_ms, raw_message, reasoning, reasoning_details, has_attachments,
    attachment_count, has_websearch, websearch_result_count, output_image_tokens, annotations, parent_id
on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
    and (
        old.session_id, old.role, old.content, old.model, old.total_tokens, old.input_tokens, old.output_tokens,
        old.user_message_id, old.content_type, old.completion_id, old.message_timestamp, old.error_message, old.is_streaming,
        old.metadata, old.elapsed_ms, old.raw_message, old.reasoning, old.reasoning_details, old.has_attachments,
        old.attachment_count, old.has_websearch, old.websearch_result_count, old.output_image_tokens, old.annotations, old.parent_id
    ) is not (
        new.session_id, new.role, new.content, new.model, new.total_tokens, new.input_tokens, new.output_tokens,
        new.user_message_id, new.content_type, new.completion_id, new.message_timestamp, new.error_message, new.is_streaming,
        new.metadata, new.elapsed_ms, new.raw_message, new.reasoning, new.reasoning_details, new.has_attachments,
        new.attachment_count, new.has_websearch, new.websearch_result_count, new.output_image_tokens, new.annotations, new.parent_id
    )
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', new.id, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set
        op = 'put', conv_id = excluded.conv_id, rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER capture_private_delete after delete on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and exists (select 1 from sync_private where conv_id = old.session_id)
    and exists (select 1 from sync_message_state where message_id = old.id and server_seq > 0)
begin
    insert into sync_private_deletions (session_id, message_id) values (old.session_id, old.id) on conflict do nothing;
end;

CREATE TRIGGER capture_session_delete after delete on chat_sessions
when (select applying = 0 and bulk = 0 from write_context) and not exists (select 1 from sync_private where conv_id = old.id)
begin
    delete from chat_messages where session_id = old.id; -- a shell that has foreign keys off, the default, would leave them
    delete from sync_outbox where conv_id = old.id and kind in ('m', 's');
    insert into sync_tombstones (kind, id) values ('c', old.id) on conflict do nothing;
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'c', old.id, old.id, 'del', ms from sync_moment
    where exists (select 1 from sync_session_state where session_id = old.id and server_seq > 0)
        or exists (select 1 from sync_outbox where kind = 'c' and id = old.id and sent > 0)
    on conflict (kind, id) do update set op = 'del', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
    delete from sync_outbox where kind = 'c' and id = old.id and op <> 'del';
end;

CREATE TRIGGER capture_session_insert after insert on chat_sessions
when (select applying = 0 and bulk = 0 from write_context) and not exists (select 1 from sync_private where conv_id = new.id)
begin
    delete from sync_tombstones where kind = 'c' and id = new.id;
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'c', new.id, new.id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER capture_session_update after update of title on chat_sessions
when (select applying = 0 and bulk = 0 from write_context) and old.title is not new.title
    and not exists (select 1 from sync_private where conv_id = new.id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'c', new.id, new.id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER capture_setting_delete after delete on session_settings
when (select applying = 0 and bulk = 0 from write_context)
    and exists (select 1 from chat_sessions where id = old.session_id)
    and not exists (select 1 from sync_private where conv_id = old.session_id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', old.session_id || '/' || old.key, old.session_id, 'del', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'del', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER capture_setting_insert after insert on session_settings
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', new.session_id || '/' || new.key, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER capture_setting_update after update of value on session_settings
when (select applying = 0 and bulk = 0 from write_context) and old.value is not new.value
    and not exists (select 1 from sync_private where conv_id = new.session_id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', new.session_id || '/' || new.key, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

CREATE TRIGGER chat_memory_delete instead of delete on chat_memory
begin
    delete from chat_messages where id = old.id;
end;

CREATE TRIGGER chat_memory_insert instead of insert on chat_memory
begin
    update memory_input set message = new.message;
    insert into chat_messages (id, session_id, role, content, model, message_timestamp, raw_message)
    select
        coalesce(
            new.id,
            lower(
                hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
                || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
            )
        ),
        new.session_id,
        p.role,
        p.content,
        p.model,
        coalesce(new.created_at, m.now),
        p.raw
    from memory_parts as p, moment as m;
    update memory_input set message = null;
end;

CREATE TRIGGER chat_memory_update instead of update on chat_memory
begin
    update chat_messages
    set id = new.id,
        session_id = new.session_id,
        message_timestamp = new.created_at
    where id = old.id;
    update memory_input set message = old.message;
    update memory_input set before = (select text from memory_text);
    update memory_input set message = new.message;
    update chat_messages
    set (role, content, model, raw_message) = (select role, content, model, raw from memory_parts)
    where id = new.id and (select text from memory_text) is not (select before from memory_input);
    update memory_input set message = null, before = null;
end;

CREATE TRIGGER chat_messages_default_times after insert on chat_messages
when
    substr(new.message_timestamp, 24) = '000Z' -- most differ here
    and new.message_timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
    and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update chat_messages
    set message_timestamp = iif(message_timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), message_timestamp)
    where local_id = new.local_id;
    update write_context set filling = 0;
end;

CREATE TRIGGER chat_messages_elapsed_insert after insert on chat_messages
when new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set
        elapsed_ms = iif(
            coalesce(elapsed_ms, 0) = 0, coalesce(min(elapsed_time * 1000, 2147483647), elapsed_ms), elapsed_ms
        ),
        elapsed_time = iif(
            coalesce(elapsed_ms, 0) = 0,
            coalesce(elapsed_time, elapsed_ms),
            cast(round(elapsed_ms / 1000.0) as integer)
        )
    where local_id = new.local_id;
end;

CREATE TRIGGER chat_messages_elapsed_ms after update of elapsed_ms on chat_messages
when
    new.elapsed_ms is not old.elapsed_ms
    and new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set elapsed_time = cast(round(elapsed_ms / 1000.0) as integer)
    where local_id = new.local_id;
end;

CREATE TRIGGER chat_messages_elapsed_time after update of elapsed_time on chat_messages
when
    new.elapsed_ms is old.elapsed_ms
    and new.elapsed_time is not old.elapsed_time
    and new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set
        elapsed_ms = min(elapsed_time * 1000, 2147483647),
        elapsed_time = cast(round(min(elapsed_time * 1000, 2147483647) / 1000.0) as integer)
    where local_id = new.local_id;
end;

CREATE TRIGGER chat_messages_int4_insert before insert on chat_messages
when max(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) > 2147483647
    or min(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER chat_messages_int4_update before update of total_tokens, input_tokens, output_tokens, elapsed_time, elapsed_ms, output_image_tokens on chat_messages
when max(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) > 2147483647
    or min(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER chat_messages_raw_message after update of role, content, model on chat_messages
when
    new.raw_message is not null
    and new.raw_message is old.raw_message
    and (new.role, new.content, new.model) is not (old.role, old.content, old.model)
begin
    update chat_messages
    set raw_message = iif(
        json_type(raw_message) = 'object',
        json_set(raw_message, '$.role', role, '$.content', content, '$.model', model),
        null
    )
    where local_id = new.local_id;
end;

CREATE TRIGGER chat_messages_take_along after delete on chat_messages
begin
    delete from visit_messages where message_id = old.id;
end;

CREATE TRIGGER chat_sessions_default_times after insert on chat_sessions
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at, new.last_activity) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update chat_sessions
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at),
        last_activity = iif(last_activity = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), last_activity)
    where local_id = new.local_id;
    update write_context set filling = 0;
end;

CREATE TRIGGER chat_sessions_int4_insert before insert on chat_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER chat_sessions_int4_update before update of message_count on chat_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER chat_sessions_take_along after delete on chat_sessions
begin
    delete from chat_messages where session_id = old.id;
    delete from session_settings where session_id = old.id;
    delete from session_marks where session_id = old.id;
    update profiles set last_session_id = null where last_session_id = old.id;
end;

CREATE TRIGGER deleted_items_adopted after update of id on profiles
when new.id is not old.id
begin
    update deleted_items set user_id = new.id where user_id = old.id;
end;

CREATE TRIGGER deleted_items_message_back after insert on chat_messages
when exists (select 1 from deleted_items where kind = 'message' and id = new.id)
begin
    delete from deleted_items where kind = 'message' and id = new.id;
end;

CREATE TRIGGER deleted_items_message_deleted after delete on chat_messages
when exists (select 1 from chat_sessions where id = old.session_id)
begin
    insert into deleted_items (user_id, kind, id, session_id, deleted_at)
    select s.user_id, 'message', old.id, old.session_id, m.now
    from chat_sessions as s, moment as m
    where s.id = old.session_id
    on conflict (kind, id) do update set session_id = excluded.session_id, deleted_at = excluded.deleted_at;
end;

CREATE TRIGGER deleted_items_message_renamed after update of id on chat_messages
when new.id is not old.id
begin
    insert into deleted_items (user_id, kind, id, session_id, deleted_at)
    select s.user_id, 'message', old.id, old.session_id, m.now
    from chat_sessions as s, moment as m
    where s.id = old.session_id
    on conflict (kind, id) do update set session_id = excluded.session_id, deleted_at = excluded.deleted_at;
    delete from deleted_items where kind = 'message' and id = new.id;
end;

CREATE TRIGGER deleted_items_session_back after insert on chat_sessions
when exists (select 1 from deleted_items where kind = 'session' and id = new.id)
begin
    delete from deleted_items where kind = 'session' and id = new.id;
end;

CREATE TRIGGER deleted_items_session_deleted after delete on chat_sessions
when exists (select 1 from profiles where id = old.user_id)
begin
    delete from deleted_items where session_id = old.id;
    insert into deleted_items (user_id, kind, id, session_id, deleted_at)
    select old.user_id, 'session', old.id, old.id, now from moment;
end;

CREATE TRIGGER deleted_sessions_kept after delete on chat_sessions
begin
    delete from session_counts where session_id = old.id; -- a shell that has foreign keys off, the default, would leave it
    insert into deleted_sessions (id) values (old.id) on conflict (id) do nothing;
end;

CREATE TRIGGER handle_user_profile_sync_call instead of insert on handle_user_profile_sync
begin
    insert into user_activity_log (user_id, action, resource_type, resource_id, details, timestamp)
    select
        p.id,
        'profile_synced',
        'profile',
        p.id,
        json_object(
            'email_updated', json(iif(p.email <> a.email, 'true', 'false')),
            'sync_source', 'google_oauth',
            'deduplication_applied', json('false'),
            'new_user_sync', json(iif(
                exists (
                    select 1
                    from user_activity_log as l
                    where
                        l.user_id = p.id
                        and l.action = 'profile_created'
                        and l.timestamp > strftime('%Y-%m-%dT%H:%M:%f', m.now, '-2 minutes') || '000Z'
                ),
                'true',
                'false'
            ))
        ),
        m.now
    from profiles as p, auth_users as a, moment as m
    where
        p.id = new.user_id
        and a.id = new.user_id
        and (
            p.email <> a.email
            or not exists (
                select 1
                from user_activity_log as l
                where
                    l.user_id = p.id
                    and l.action = 'profile_synced'
                    and l.timestamp > strftime('%Y-%m-%dT%H:%M:%f', m.now, '-1 minutes') || '000Z'
            )
        );

    update profiles
    set
        email = coalesce(a.email, profiles.email),
        full_name = substr(coalesce(
            json_extract(a.raw_user_meta_data, '$.full_name'),
            json_extract(a.raw_user_meta_data, '$.name'),
            profiles.full_name,
            substr(a.email, 1, instr(a.email || '@', '@') - 1)
        ), 1, 255),
        avatar_url = coalesce(json_extract(a.raw_user_meta_data, '$.avatar_url'), profiles.avatar_url),
        last_active = m.now,
        updated_at = m.now
    from auth_users as a, moment as m
    where profiles.id = new.user_id and a.id = new.user_id;

    insert into profiles (id, email, full_name, avatar_url, created_at, updated_at, last_active)
    select
        a.id,
        coalesce(a.email, ''),
        substr(coalesce(
            json_extract(a.raw_user_meta_data, '$.full_name'),
            json_extract(a.raw_user_meta_data, '$.name'),
            substr(a.email, 1, instr(a.email || '@', '@') - 1),
            ''
        ), 1, 255),
        json_extract(a.raw_user_meta_data, '$.avatar_url'),
        m.now,
        m.now,
        m.now
    from auth_users as a, moment as m
    where a.id = new.user_id and not exists (select 1 from profiles as p where p.id = new.user_id);

    -- changes() speaks of the statement before this one
    insert into user_activity_log (user_id, action, resource_type, resource_id, details, timestamp)
    select
        new.user_id,
        'profile_created',
        'profile',
        new.user_id,
        json_object('sync_source', 'google_oauth', 'created_from_oauth', json('true')),
        m.now
    from moment as m
    where changes() = 1;
end;

CREATE TRIGGER keep_user_session before update on user_sessions
when new.id is not old.id or new.session_token is not old.session_token
begin
    select raise(abort, 'a visit keeps its id and its token');
end;

CREATE TRIGGER list_label_delete after delete on session_settings
when old.key in ('pinned', 'archived')
begin
    update write_context set filling = 1;
    update chat_sessions
    set
        pinned = iif(old.key = 'pinned', 0, pinned),
        archived = iif(old.key = 'archived', 0, archived)
    where id = old.session_id;
    update write_context set filling = 0;
end;

CREATE TRIGGER list_label_insert after insert on session_settings
when new.key in ('pinned', 'archived')
begin
    update write_context set filling = 1;
    update chat_sessions
    set
        pinned = iif(new.key = 'pinned', new.value not in ('false', 'null'), pinned),
        archived = iif(new.key = 'archived', new.value not in ('false', 'null'), archived)
    where id = new.session_id;
    update write_context set filling = 0;
end;

CREATE TRIGGER list_label_update after update of key, value on session_settings
when new.key in ('pinned', 'archived') or old.key in ('pinned', 'archived')
begin
    update write_context set filling = 1;
    update chat_sessions
    set
        pinned = exists (select 1 from session_settings where session_id = new.session_id and key = 'pinned' and value not in ('false', 'null')),
        archived = exists (select 1 from session_settings where session_id = new.session_id and key = 'archived' and value not in ('false', 'null'))
    where id = new.session_id;
    update write_context set filling = 0;
end;

CREATE TRIGGER meaning_message_delete after delete on chat_messages
when old.local_id <= (select seen from meaning_state)
begin
    insert into meaning_changes (place) values (old.local_id);
end;

CREATE TRIGGER meaning_message_restored after delete on trash_rows
when old.place = 'chat_messages'
begin
    insert into meaning_changes (place)
    select local_id from chat_messages
    where id = old.thing and local_id <= (select seen from meaning_state);
end;

CREATE TRIGGER meaning_message_update after update of content, role, session_id on chat_messages
when (old.content, old.role, old.session_id) is not (new.content, new.role, new.session_id)
    and new.local_id <= (select seen from meaning_state)
begin
    insert into meaning_changes (place) values (new.local_id);
end;

CREATE TRIGGER meaning_private_delete after delete on sync_private
begin
    insert into meaning_changes (place)
    select local_id from chat_messages
    where session_id = old.conv_id and local_id <= (select seen from meaning_state);
end;

CREATE TRIGGER meaning_private_insert after insert on sync_private
begin
    insert into meaning_changes (place)
    select local_id from chat_messages
    where session_id = new.conv_id and local_id <= (select seen from meaning_state);
end;

CREATE TRIGGER message_attachments_delete after delete on chat_messages
when old.has_attachments = 1
begin
    delete from message_attachments where message_id = old.id;
end;

CREATE TRIGGER message_attachments_insert after insert on chat_messages
when new.has_attachments = 1
begin
    insert into message_attachments (message_id, position, attachment_id, name, media_type, size)
    select message_id, position, attachment_id, name, media_type, size
    from attachments_of_messages
    where message_id = new.id
    on conflict (message_id, position) do nothing;
    -- the server may have removed what no message had for long
    update attachments
    set uploaded = 0
    where id in (select attachment_id from message_attachments where message_id = new.id);
end;

CREATE TRIGGER message_attachments_update after update of id, metadata, has_attachments on chat_messages
when
    (old.has_attachments = 1 or new.has_attachments = 1)
    and (old.id, old.metadata, old.has_attachments) is not (new.id, new.metadata, new.has_attachments)
begin
    delete from message_attachments where message_id in (old.id, new.id);
    insert into message_attachments (message_id, position, attachment_id, name, media_type, size)
    select message_id, position, attachment_id, name, media_type, size
    from attachments_of_messages
    where message_id = new.id;
end;

CREATE TRIGGER model_access_default_times after insert on model_access
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update model_access
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER model_access_int4_insert before insert on model_access
when max(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) > 2147483647
    or min(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER model_access_int4_update before update of daily_limit, monthly_limit on model_access
when max(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) > 2147483647
    or min(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER on_auth_user_profile_sync after insert on auth_users
when (select applying from write_context) = 0
begin
    insert into handle_user_profile_sync (user_id) values (new.id);
end;

CREATE TRIGGER on_auth_user_profile_sync_update after update on auth_users
when (select applying + filling from write_context) = 0
begin
    insert into handle_user_profile_sync (user_id) values (new.id);
end;

CREATE TRIGGER on_chat_message_created after insert on chat_messages
when new.standing is not null and (select applying + bulk from write_context) = 0
begin
    update profiles
    set
        message_count = message_count + 1,
        updated_at = (select now from moment)
    where id = (select user_id from chat_sessions where id = new.session_id);
end;

CREATE TRIGGER on_chat_session_created after insert on chat_sessions
when (select applying + bulk from write_context) = 0
begin
    update profiles
    set
        total_conversations
        = total_conversations + not exists (select 1 from deleted_sessions where id = new.id),
        last_session_id = new.id,
        updated_at = (select now from moment)
    where id = new.user_id;
end;

CREATE TRIGGER on_message_change after insert on chat_messages
when (select bulk from write_context) = 0
begin
    insert into update_session_stats (session_id, messages, tokens)
    values (
        new.session_id,
        new.standing is not null,
        iif(new.standing is not null, coalesce(new.total_tokens, 0), 0)
    );

    insert into track_user_usage (
        user_id, messages_sent, messages_received, input_tokens, output_tokens, models_used, generation_ms
    )
    select
        user_id,
        new.role = 'user',
        new.role = 'assistant',
        iif(new.role = 'user', new.input_tokens, 0),
        iif(new.role = 'assistant', new.output_tokens, 0),
        iif(new.role = 'assistant' and new.model is not null, json_object(coalesce(new.model, ''), 1), '{}'),
        iif(new.role = 'assistant', new.elapsed_ms, 0)
    from chat_sessions
    where id = new.session_id and new.standing in (0, 1) and (select applying from write_context) = 0;
end;

CREATE TRIGGER on_message_change_delete after delete on chat_messages
when (select bulk from write_context) = 0
begin
    insert into update_session_stats (session_id, messages, tokens)
    values (
        old.session_id,
        -(old.standing is not null),
        -iif(old.standing is not null, coalesce(old.total_tokens, 0), 0)
    );
end;

CREATE TRIGGER on_message_change_update after update on chat_messages
when (select bulk from write_context) = 0
begin
    insert into update_session_stats (session_id, messages, tokens)
    select
        old.session_id,
        -(old.standing is not null),
        -iif(old.standing is not null, coalesce(old.total_tokens, 0), 0)
    where old.session_id <> new.session_id;

    insert into update_session_stats (session_id, messages, tokens)
    values (
        new.session_id,
        (new.standing is not null) - (old.session_id = new.session_id and old.standing is not null),
        iif(new.standing is not null, coalesce(new.total_tokens, 0), 0)
        - iif(old.session_id = new.session_id and old.standing is not null, coalesce(old.total_tokens, 0), 0)
    );

    insert into track_user_usage (
        user_id, messages_sent, messages_received, input_tokens, output_tokens, models_used, generation_ms
    )
    select s.user_id, d.sent, d.received, d.input, d.output, d.models, d.ms
    from
        chat_sessions as s,
        (
            select
                (new.standing is not null and new.role = 'user')
                - (old.standing is not null and old.role = 'user') as sent,
                (new.standing is not null and new.role = 'assistant')
                - (old.standing is not null and old.role = 'assistant') as received,
                iif(new.standing is not null and new.role = 'user', coalesce(new.input_tokens, 0), 0)
                - iif(old.standing is not null and old.role = 'user', coalesce(old.input_tokens, 0), 0) as input,
                iif(new.standing is not null and new.role = 'assistant', coalesce(new.output_tokens, 0), 0)
                - iif(old.standing is not null and old.role = 'assistant', coalesce(old.output_tokens, 0), 0) as output,
                iif(new.standing is not null and new.role = 'assistant', coalesce(new.elapsed_ms, 0), 0)
                - iif(old.standing is not null and old.role = 'assistant', coalesce(old.elapsed_ms, 0), 0) as ms,
                (
                    select json_group_object(model, change)
                    from (
                        select model, sum(change) as change
                        from (
                            select old.model as model, -1 as change
                            where old.standing = 0 and old.role = 'assistant'
                            union all
                            select new.model, 1
                            where new.standing = 0 and new.role = 'assistant'
                        )
                        group by model
                        having sum(change) <> 0
                    )
                ) as models
        ) as d
    where
        s.id = new.session_id
        and (select applying from write_context) = 0
        and (d.sent <> 0 or d.received <> 0 or d.input <> 0 or d.output <> 0 or d.ms <> 0 or d.models <> '{}');

    update profiles
    set
        message_count = message_count + (new.standing is not null) - (old.standing is not null),
        updated_at = (select now from moment)
    where
        id = (select user_id from chat_sessions where id = new.session_id)
        and (new.standing is not null) <> (old.standing is not null)
        and (select applying from write_context) = 0;
end;

CREATE TRIGGER on_session_created after insert on chat_sessions
when
    (select applying + bulk from write_context) = 0
    and not exists (select 1 from deleted_sessions where id = new.id)
begin
    insert into track_user_usage (user_id, sessions_created) values (new.user_id, 1);
end;

CREATE TRIGGER on_session_updated after update on chat_sessions
when (select applying + filling from write_context) = 0 and new.last_activity is not (select now from moment)
begin
    update chat_sessions set last_activity = (select now from moment) where local_id = new.local_id;
end;

CREATE TRIGGER on_user_interaction_created after insert on user_interactions
begin
    update user_sessions set ended_at = iif(ended_at is null, null, max(ended_at, new.created_at)) where id = new.session_id;
end;

CREATE TRIGGER on_visit_message_created after insert on visit_messages
begin
    update user_sessions set message_count = message_count + 1 where id = new.session_id;
end;

CREATE TRIGGER on_visit_message_deleted after delete on visit_messages
begin
    update user_sessions set message_count = message_count - 1 where id = old.session_id;
end;

CREATE TRIGGER own_user_interaction after insert on user_interactions
when new.user_id is not (select user_id from user_sessions where id = new.session_id)
begin
    update user_interactions set user_id = (select user_id from user_sessions where id = new.session_id) where id = new.id;
end;

CREATE TRIGGER own_user_session after update on user_sessions
when new.updated_at is not (select now from moment)
begin
    update user_sessions set updated_at = (select now from moment) where id = new.id;
end;

CREATE TRIGGER profiles_clerk_id after update of id on profiles
when new.clerk_id = old.id and new.id <> old.id
begin
    update profiles set clerk_id = new.id where id = new.id;
end;

CREATE TRIGGER profiles_clerk_id_insert after insert on profiles
when new.clerk_id = ''
begin
    update profiles set clerk_id = new.id where id = new.id;
end;

CREATE TRIGGER profiles_default_times after insert on profiles
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at, new.last_active) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update profiles
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at),
        last_active = iif(last_active = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), last_active)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER profiles_int4_insert before insert on profiles
when max(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) > 2147483647
    or min(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER profiles_int4_update before update of credits, total_conversations, total_searches, message_count on profiles
when max(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) > 2147483647
    or min(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER profiles_take_along after delete on profiles
begin
    delete from chat_sessions where user_id = old.id;
    delete from user_sessions where user_id = old.id;
    delete from user_interactions where user_id = old.id;
    delete from search_sessions where user_id = old.id;
    delete from user_usage_daily where user_id = old.id;
    delete from user_activity_log where user_id = old.id;
    delete from deleted_items where user_id = old.id;
end;

CREATE TRIGGER profiles_temperature_rounded after update of temperature on profiles
when new.temperature is not round(new.temperature * 1.0000000000001, 2)
begin
    update profiles set temperature = round(new.temperature * 1.0000000000001, 2) where id = new.id;
end;

CREATE TRIGGER profiles_temperature_rounded_insert after insert on profiles
when new.temperature is not round(new.temperature * 1.0000000000001, 2)
begin
    update profiles set temperature = round(new.temperature * 1.0000000000001, 2) where id = new.id;
end;

CREATE TRIGGER search_message_delete after delete on chat_messages
when (select bulk = 0 from write_context) and old.role <> 'system'
    and not exists (select 1 from search_backlog where old.local_id between first_id and last_id)
begin
    insert into message_search (message_search, rowid, content) values ('delete', old.local_id, old.content);
end;

CREATE TRIGGER search_message_insert after insert on chat_messages
when (select bulk = 0 from write_context) and new.role <> 'system'
begin
    insert into message_search (rowid, content) values (new.local_id, new.content);
end;

CREATE TRIGGER search_message_update after update of content, role on chat_messages
when (select bulk = 0 from write_context) and (old.content, old.role) is not (new.content, new.role)
    and not exists (select 1 from search_backlog where old.local_id between first_id and last_id)
begin
    insert into message_search (message_search, rowid, content)
    select 'delete', old.local_id, old.content where old.role <> 'system';
    insert into message_search (rowid, content) select new.local_id, new.content where new.role <> 'system';
end;

CREATE TRIGGER search_sessions_default_times after insert on search_sessions
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update search_sessions
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER search_sessions_int4_insert before insert on search_sessions
when new.results_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER search_sessions_int4_update before update of results_count on search_sessions
when new.results_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER search_title_delete after delete on chat_sessions
when (select bulk = 0 from write_context)
begin
    insert into title_search (title_search, rowid, title) values ('delete', old.local_id, old.title);
end;

CREATE TRIGGER search_title_insert after insert on chat_sessions
when (select bulk = 0 from write_context)
begin
    insert into title_search (rowid, title) values (new.local_id, new.title);
end;

CREATE TRIGGER search_title_update after update of title on chat_sessions
when (select bulk = 0 from write_context) and old.title is not new.title
begin
    insert into title_search (title_search, rowid, title) values ('delete', old.local_id, old.title);
    insert into title_search (rowid, title) values (new.local_id, new.title);
end;

CREATE TRIGGER system_cache_default_times after insert on system_cache
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update system_cache
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where rowid = new.rowid;
    update write_context set filling = 0;
end;

CREATE TRIGGER system_stats_default_times after insert on system_stats
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update system_stats
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where rowid = new.rowid;
    update write_context set filling = 0;
end;

CREATE TRIGGER track_user_usage_call instead of insert on track_user_usage
begin
    insert into user_usage_daily (user_id, usage_date, created_at, updated_at)
    select new.user_id, coalesce(new.usage_date, today), now, now
    from moment
    where true
    on conflict (user_id, usage_date) do nothing;

    update user_usage_daily
    set
        messages_sent = max(0, coalesce(messages_sent, 0) + coalesce(new.messages_sent, 0)),
        messages_received = max(0, coalesce(messages_received, 0) + coalesce(new.messages_received, 0)),
        input_tokens = max(0, coalesce(input_tokens, 0) + coalesce(new.input_tokens, 0)),
        output_tokens = max(0, coalesce(output_tokens, 0) + coalesce(new.output_tokens, 0)),
        total_tokens = max(
            0, coalesce(total_tokens, 0) + coalesce(new.input_tokens, 0) + coalesce(new.output_tokens, 0)
        ),
        -- made anew from pairs: a path like '$."a/b"' cannot name a model with a quotation mark in it
        models_used = iif(
            coalesce(new.models_used, '{}') = '{}',
            coalesce(models_used, '{}'),
            (
                select json_group_object(key, value)
                from (
                    select key, sum(value) as value
                    from (
                        select key, value from json_each(coalesce(user_usage_daily.models_used, '{}'))
                        union all
                        select key, value from json_each(new.models_used)
                    )
                    group by key
                    having sum(value) > 0
                )
            )
        ),
        sessions_created = max(0, coalesce(sessions_created, 0) + coalesce(new.sessions_created, 0)),
        generation_ms = max(0, coalesce(generation_ms, 0) + coalesce(new.generation_ms, 0)),
        active_minutes = (max(0, coalesce(generation_ms, 0) + coalesce(new.generation_ms, 0)) + 59999) / 60000,
        updated_at = m.now
    from moment as m
    where user_id = new.user_id and usage_date = coalesce(new.usage_date, m.today);

    update profiles
    set
        usage_stats = json_set(
            coalesce(usage_stats, '{}'),
            '$.total_messages',
            max(
                0,
                coalesce(json_extract(usage_stats, '$.total_messages'), 0)
                + coalesce(new.messages_sent, 0)
                + coalesce(new.messages_received, 0)
            ),
            '$.total_tokens',
            max(
                0,
                coalesce(json_extract(usage_stats, '$.total_tokens'), 0)
                + coalesce(new.input_tokens, 0)
                + coalesce(new.output_tokens, 0)
            ),
            '$.sessions_created',
            max(0, coalesce(json_extract(usage_stats, '$.sessions_created'), 0) + coalesce(new.sessions_created, 0))
        ),
        token_usage = max(0, token_usage + coalesce(new.input_tokens, 0) + coalesce(new.output_tokens, 0)),
        last_active = m.now,
        updated_at = m.now
    from moment as m
    where id = new.user_id;
end;

CREATE TRIGGER trigger_update_chat_sessions_timestamp after update on chat_sessions
when (select applying + filling from write_context) = 0 and new.updated_at is not (select now from moment)
begin
    update chat_sessions set updated_at = (select now from moment) where local_id = new.local_id;
end;

CREATE TRIGGER update_profiles_updated_at after update on profiles
when (select applying from write_context) = 0 and new.updated_at is not (select now from moment)
begin
    update profiles set updated_at = (select now from moment) where id = new.id;
end;

CREATE TRIGGER update_profiles_updated_at_insert after insert on profiles
when (select applying from write_context) = 0
begin
    update profiles
    set
        updated_at = m.now,
        -- PostgreSQL's way to write a time: a space, no zeros at the end, +00
        usage_stats = json_set(
            usage_stats, '$.last_reset', rtrim(rtrim(replace(substr(m.now, 1, 26), 'T', ' '), '0'), '.') || '+00'
        )
    from moment as m
    where id = new.id;
end;

CREATE TRIGGER update_session_stats_call instead of insert on update_session_stats
begin
    -- none for a conversation that is being deleted: its messages go after it
    insert into session_counts (session_id, messages, tokens)
    select
        id,
        coalesce(new.messages, 0),
        coalesce(new.tokens, 0)
    from chat_sessions
    where id = new.session_id
    on conflict (session_id) do update set
        messages = messages + excluded.messages,
        tokens = tokens + excluded.tokens
    where excluded.messages <> 0 or excluded.tokens <> 0;

    update chat_sessions
    set
        message_count = (select messages from session_counts where session_id = new.session_id),
        total_tokens = (select tokens from session_counts where session_id = new.session_id),
        last_model = (
            select model
            from chat_messages
            where session_id = new.session_id and standing = 0
            order by message_timestamp desc, id desc
            limit 1
        ),
        last_message_timestamp = (
            select max(at)
            from (
                select max(message_timestamp) as at from chat_messages where session_id = new.session_id and standing = 0
                union all
                select max(message_timestamp) from chat_messages where session_id = new.session_id and standing = 1
                union all
                select max(message_timestamp) from chat_messages where session_id = new.session_id and standing = 2
            )
        ),
        (last_message_preview, last_message) = (
            select
                substr(content, 1, 200),
                json_object('id', id, 'role', role, 'content', content, 'model', model, 'created_at', message_timestamp)
            from chat_messages
            where local_id = (
                select local_id
                from (
                    select *
                    from (
                        select local_id, message_timestamp, id
                        from chat_messages
                        where session_id = new.session_id and standing = 0
                        order by message_timestamp desc, id desc
                        limit 1
                    )
                    union all
                    select *
                    from (
                        select local_id, message_timestamp, id
                        from chat_messages
                        where session_id = new.session_id and standing = 1
                        order by message_timestamp desc, id desc
                        limit 1
                    )
                )
                order by message_timestamp desc, id desc
                limit 1
            )
        ),
        updated_at = iif((select applying from write_context), updated_at, (select now from moment)),
        last_activity = iif((select applying from write_context), last_activity, (select now from moment))
    where id = new.session_id;
end;

CREATE TRIGGER update_users_timestamp after update on profiles
when (select applying + filling from write_context) = 0 and new.updated_at is not (select now from moment)
begin
    update profiles set updated_at = (select now from moment) where id = new.id;
end;

CREATE TRIGGER user_activity_log_default_times after insert on user_activity_log
when new.timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_activity_log
    set timestamp = iif(timestamp = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), timestamp)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER user_interactions_default_times after insert on user_interactions
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_interactions
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER user_interactions_int4_insert before insert on user_interactions
when new.duration not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER user_interactions_int4_update before update of duration on user_interactions
when new.duration not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER user_sessions_default_times after insert on user_sessions
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.started_at, new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_sessions
    set
        started_at = iif(started_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), started_at),
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER user_sessions_int4_insert before insert on user_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER user_sessions_int4_update before update of message_count on user_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER user_sessions_take_along after delete on user_sessions
begin
    delete from visit_messages where session_id = old.id;
    delete from user_interactions where session_id = old.id;
end;

CREATE TRIGGER user_usage_daily_default_times after insert on user_usage_daily
when strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' in (new.created_at, new.updated_at) and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update user_usage_daily
    set
        created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at),
        updated_at = iif(updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), updated_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER user_usage_daily_int4_insert before insert on user_usage_daily
when max(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) > 2147483647
    or min(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER user_usage_daily_int4_update before update of messages_sent, messages_received, sessions_created, active_minutes on user_usage_daily
when max(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) > 2147483647
    or min(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER users_delete instead of delete on users
begin
    delete from auth_users where id = old.id;
end;

CREATE TRIGGER users_insert instead of insert on users
begin
    insert into auth_users (id, email) values (new.id, new.email);
    update profiles
    set last_active = coalesce(new.last_seen_at, last_active),
        total_conversations = coalesce(new.total_conversations, total_conversations),
        total_searches = coalesce(new.total_searches, total_searches),
        created_at = coalesce(new.created_at, created_at),
        avatar_url = coalesce(new.avatar_url, avatar_url),
        message_count = coalesce(new.message_count, message_count),
        token_usage = coalesce(new.token_usage, token_usage),
        subscription_tier = coalesce(new.subscription_tier, subscription_tier),
        subscription_status = coalesce(new.subscription_status, subscription_status),
        clerk_id = coalesce(new.clerk_id, clerk_id)
    where id = new.id;
end;

CREATE TRIGGER users_update instead of update on users
begin
    update profiles
    set email = new.email,
        last_active = new.last_seen_at,
        total_conversations = new.total_conversations,
        total_searches = new.total_searches,
        created_at = new.created_at,
        avatar_url = new.avatar_url,
        message_count = new.message_count,
        token_usage = new.token_usage,
        subscription_tier = new.subscription_tier,
        subscription_status = new.subscription_status,
        clerk_id = new.clerk_id,
        last_session_id = new.last_session_id
    where id = old.id;
end;

CREATE TRIGGER visit_messages_default_times after insert on visit_messages
when new.created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' and (select now from write_context) is not null
begin
    update write_context set filling = 1;
    update visit_messages
    set created_at = iif(created_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z', (select now from write_context), created_at)
    where id = new.id;
    update write_context set filling = 0;
end;

CREATE TRIGGER visit_messages_int4_insert before insert on visit_messages
when max(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) > 2147483647
    or min(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

CREATE TRIGGER visit_messages_int4_update before update of processing_time_ms, sequence_order on visit_messages
when max(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) > 2147483647
    or min(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;
