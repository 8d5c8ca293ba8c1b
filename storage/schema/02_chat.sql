-- Conversations and their messages, and the statistics of a conversation that follow its messages by themselves.

create table chat_sessions (
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
    last_message text, -- last, because it may be long: reading the others then stops before it
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
    constraint chat_sessions_last_message_json check (json_valid(last_message))
) strict;

create index idx_chat_sessions_user_id on chat_sessions (user_id);
create index idx_chat_sessions_updated_at on chat_sessions (updated_at desc);
create index idx_chat_sessions_user_updated on chat_sessions (user_id, updated_at desc);

create table chat_messages (
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
    ) virtual,
    constraint chat_messages_id_key unique (id),
    constraint chat_messages_session_id_fkey foreign key (session_id) references chat_sessions (id) on delete cascade,
    constraint chat_messages_role_known check (role in ('user', 'assistant', 'system')),
    constraint chat_messages_model_length check (length(model) <= 100),
    constraint chat_messages_content_type_known check (content_type in ('text', 'markdown')),
    constraint chat_messages_completion_id_length check (length(completion_id) <= 255),
    constraint chat_messages_message_timestamp_form check (message_timestamp glob '????-??-??T??:??:??.??????Z'),
    constraint chat_messages_is_streaming_boolean check (is_streaming in (0, 1)),
    constraint chat_messages_metadata_json check (json_valid(metadata)),
    constraint chat_messages_raw_message_json check (json_valid(raw_message)),
    constraint chat_messages_reasoning_details_json check (json_valid(reasoning_details)),
    constraint chat_messages_has_attachments_boolean check (has_attachments in (0, 1)),
    constraint chat_messages_attachment_count_range check (attachment_count between 0 and 3),
    constraint chat_messages_has_websearch_boolean check (has_websearch in (0, 1)),
    constraint chat_messages_websearch_result_count_range check (websearch_result_count between 0 and 50),
    constraint chat_messages_annotations_json check (json_valid(annotations))
) strict;

create index idx_chat_messages_session_id on chat_messages (session_id);
create index idx_chat_messages_timestamp on chat_messages (message_timestamp);
-- the id settles ties, so that a page in order needs no sorting
create index idx_chat_messages_session_timestamp on chat_messages (session_id, message_timestamp, id);
create index idx_chat_messages_completion_id on chat_messages (completion_id);
create index idx_chat_messages_user_message_id on chat_messages (user_message_id) where user_message_id is not null;
create index idx_chat_messages_tokens_role on chat_messages (role, input_tokens, output_tokens)
where input_tokens > 0 or output_tokens > 0;
-- Local only: the newest that counts, however many failed ones follow it.
create index idx_chat_messages_standing on chat_messages (session_id, standing, message_timestamp, id)
where standing is not null;

-- Local only: what the triggers have counted. chat_sessions may show another number, which somebody wrote there, until the next message
-- corrects it; adding to such a number would keep it wrong for ever, and counting again would cost more the longer the conversation is.
create table session_counts (
    session_id text not null,
    messages integer not null,
    tokens integer not null,
    constraint session_counts_pkey primary key (session_id),
    constraint session_counts_session_id_fkey foreign key (session_id) references chat_sessions (id) on delete cascade
) strict, without rowid;
