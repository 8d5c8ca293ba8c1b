-- The names of chat memory (003, docs/specification/README.md#chat-memory): users and chat_memory over the tables that hold the same, and
-- the searches of a person. As the server's file of this name, with these differences: conversations keep their own trigger for updated_at
-- (02_chat.sql), which does what trigger_update_chat_sessions_timestamp does there; and what the two functions of 003 tell is asked of the
-- store (storage/conversations/search_history.py).

create view users as
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

create trigger users_insert instead of insert on users
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

create trigger users_update instead of update on users
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

create trigger users_delete instead of delete on users
begin
    delete from auth_users where id = old.id;
end;

-- A message as 003 has it: as it was written through here, or made from its columns.
create view chat_memory as
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

-- What a message of 003's form is here: who said it, what, and which model. Text counts where it is text.
create trigger chat_memory_insert instead of insert on chat_memory
begin
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
        case
            when json_extract(new.message, '$.role') in ('user', 'assistant', 'system') then json_extract(new.message, '$.role')
            when json_extract(new.message, '$.type') = 'ai' then 'assistant'
            when json_extract(new.message, '$.type') = 'system' then 'system'
            else 'user'
        end,
        case 'text'
            when json_type(new.message, '$.content') then json_extract(new.message, '$.content')
            when json_type(new.message, '$.data.content') then json_extract(new.message, '$.data.content')
            when json_type(new.message, '$.text') then json_extract(new.message, '$.text')
            else new.message
        end,
        iif(
            json_type(new.message, '$.model') = 'text' and length(json_extract(new.message, '$.model')) <= 100,
            json_extract(new.message, '$.model'),
            null
        ),
        coalesce(new.created_at, moment.now),
        json(new.message)
    from moment;
end;

create trigger chat_memory_update instead of update on chat_memory
begin
    update chat_messages
    set id = new.id,
        session_id = new.session_id,
        message_timestamp = new.created_at
    where id = old.id;
    update chat_messages
    set role = case
            when json_extract(new.message, '$.role') in ('user', 'assistant', 'system') then json_extract(new.message, '$.role')
            when json_extract(new.message, '$.type') = 'ai' then 'assistant'
            when json_extract(new.message, '$.type') = 'system' then 'system'
            else 'user'
        end,
        content = case 'text'
            when json_type(new.message, '$.content') then json_extract(new.message, '$.content')
            when json_type(new.message, '$.data.content') then json_extract(new.message, '$.data.content')
            when json_type(new.message, '$.text') then json_extract(new.message, '$.text')
            else new.message
        end,
        model = iif(
            json_type(new.message, '$.model') = 'text' and length(json_extract(new.message, '$.model')) <= 100,
            json_extract(new.message, '$.model'),
            null
        ),
        raw_message = json(new.message)
    where id = new.id and new.message is not old.message;
end;

create trigger chat_memory_delete instead of delete on chat_memory
begin
    delete from chat_messages where id = old.id;
end;

-- What a person looked for, and what was found.
create table search_sessions (
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
create index idx_search_sessions_created_at on search_sessions (user_id, created_at desc);

create trigger on_search_session_created after insert on search_sessions
begin
    update profiles set total_searches = total_searches + 1 where id = new.user_id;
end;
