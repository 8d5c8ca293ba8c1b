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
    constraint chat_sessions_last_message_json check (last_message is null or json_valid(last_message))
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

-- Seconds and milliseconds are one thing; where both are written, milliseconds win.
create trigger chat_messages_elapsed_insert after insert on chat_messages
when new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set
        elapsed_ms = iif(coalesce(elapsed_ms, 0) = 0, coalesce(elapsed_time * 1000, elapsed_ms), elapsed_ms),
        elapsed_time = iif(
            coalesce(elapsed_ms, 0) = 0,
            coalesce(elapsed_time, elapsed_ms),
            cast(round(elapsed_ms / 1000.0) as integer)
        )
    where local_id = new.local_id;
end;

create trigger chat_messages_elapsed_ms after update of elapsed_ms on chat_messages
when
    new.elapsed_ms is not old.elapsed_ms
    and new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages
    set elapsed_time = cast(round(elapsed_ms / 1000.0) as integer)
    where local_id = new.local_id;
end;

create trigger chat_messages_elapsed_time after update of elapsed_time on chat_messages
when
    new.elapsed_ms is old.elapsed_ms
    and new.elapsed_time is not old.elapsed_time
    and new.elapsed_time is not cast(round(new.elapsed_ms / 1000.0) as integer)
begin
    update chat_messages set elapsed_ms = elapsed_time * 1000 where local_id = new.local_id;
end;

-- Any change of a conversation is activity in it. Rows that come from elsewhere bring their own times.
create trigger on_session_updated after update on chat_sessions
when
    (select applying from write_context) = 0
    and (new.updated_at is not (select now from moment) or new.last_activity is not (select now from moment))
begin
    update chat_sessions
    set
        updated_at = (select now from moment),
        last_activity = (select now from moment)
    where local_id = new.local_id;
end;

-- Local only: ids of conversations that were deleted. One that comes back under such an id was counted when it was first made. The
-- sync's tombstones cannot say this: they end when the conversation comes back, and which of two triggers runs first is undefined.
create table deleted_sessions (
    id text not null,
    constraint deleted_sessions_pkey primary key (id)
) strict, without rowid;

create trigger deleted_sessions_kept after delete on chat_sessions
begin
    delete from session_counts where session_id = old.id; -- a shell that has foreign keys off, the default, would leave it
    insert into deleted_sessions (id) values (old.id) on conflict (id) do nothing;
end;

create trigger on_session_created after insert on chat_sessions
when
    (select applying + bulk from write_context) = 0
    and not exists (select 1 from deleted_sessions where id = new.id)
begin
    insert into track_user_usage (user_id, sessions_created) values (new.user_id, 1);
end;

create trigger on_chat_session_created after insert on chat_sessions
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

-- A function (see 01_users.sql): adds to what is counted for a conversation, and brings what the conversation shows up to date. The
-- newest messages are looked up in one index, so the price is the same in a short and in a long conversation.
create view update_session_stats as
select
    null as session_id,
    null as messages,
    null as tokens
where false;

create trigger update_session_stats_call instead of insert on update_session_stats
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

-- What a message adds to its conversation: one, and its tokens; a failed one nothing. What it adds to the use of its owner: only if it is
-- the person's or the model's; the person's input, the model's output and time.
create trigger on_message_change after insert on chat_messages
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

create trigger on_chat_message_created after insert on chat_messages
when new.standing is not null and (select applying + bulk from write_context) = 0
begin
    update profiles
    set
        message_count = message_count + 1,
        updated_at = (select now from moment)
    where id = (select user_id from chat_sessions where id = new.session_id);
end;

-- elapsed_time is not in the list: it only follows elapsed_ms. Both conversations of a moved message have the same owner, as one file
-- holds one account.
create trigger on_message_change_update after update of
    id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type,
    completion_id, message_timestamp, error_message, is_streaming, metadata, elapsed_ms, raw_message, reasoning,
    reasoning_details, has_attachments, attachment_count, has_websearch, websearch_result_count, output_image_tokens,
    annotations
on chat_messages
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

-- Use is what happened: deleting does not take it back.
create trigger on_message_change_delete after delete on chat_messages
when (select bulk from write_context) = 0
begin
    insert into update_session_stats (session_id, messages, tokens)
    values (
        old.session_id,
        -(old.standing is not null),
        -iif(old.standing is not null, coalesce(old.total_tokens, 0), 0)
    );
end;
