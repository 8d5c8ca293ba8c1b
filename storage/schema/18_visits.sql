-- Visits: a run of a client from its start to its end. As the server's file of this name, with these differences: whoever did not sign in is
-- null; the names of visits (002) are visits_chat_sessions and visits_chat_messages, for a file has no schemas; a message says its own place;
-- an embedding is 384 float32 (1536 bytes, little-endian); and what functions do there is asked of the store (storage/analytics/visits.py).

create table user_sessions (
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
create index idx_chat_sessions_started_at on user_sessions (started_at);
create index idx_chat_sessions_user_identifier on user_sessions (user_identifier);
create index idx_user_sessions_user on user_sessions (user_id, started_at);
create index idx_user_sessions_open on user_sessions (updated_at) where ended_at is null;

create table visit_messages (
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
create index idx_visit_messages_session_id on visit_messages (session_id);
create index idx_visit_messages_message_id on visit_messages (message_id);
create index idx_chat_messages_created_at on visit_messages (created_at);
create index idx_chat_messages_type on visit_messages (message_type);

create view visits_chat_sessions as
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

-- What is a message of a conversation too is not written twice.
create view visits_chat_messages as
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

create trigger own_user_session after update on user_sessions
when new.updated_at is not (select now from moment)
begin
    update user_sessions set updated_at = (select now from moment) where id = new.id;
end;

create trigger keep_user_session before update on user_sessions
when new.id is not old.id or new.session_token is not old.session_token
begin
    select raise(abort, 'a visit keeps its id and its token');
end;

create trigger on_visit_message_created after insert on visit_messages
begin
    update user_sessions set message_count = message_count + 1 where id = new.session_id;
end;

create trigger on_visit_message_deleted after delete on visit_messages
begin
    update user_sessions set message_count = message_count - 1 where id = old.session_id;
end;
