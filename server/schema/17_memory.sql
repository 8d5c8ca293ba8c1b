-- Chat memory (003, docs/specification/README.md#chat-memory): the views users and chat_memory over the tables of this schema,
-- and the searches of an account.

set role sterna_owner;

-- Accounts as in 003. Reads and changes go to profiles and its row security.
create or replace view public.users with (security_invoker = true) as
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
from public.profiles;
revoke all on public.users from public, anon, authenticated;
grant select, update on public.users to authenticated;
grant select, insert, update, delete on public.users to service_role;

-- Creates the sign-in first, which creates the profile. For the server only, as sign-up is.
create or replace function public.insert_user() returns trigger
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    if not sterna.is_server() then
        raise insufficient_privilege using message = 'users are made by signing up';
    end if;
    new.id := coalesce(new.id, gen_random_uuid());
    insert into auth.users (id, email) values (new.id, new.email);
    update public.profiles as p
    set last_active = coalesce(new.last_seen_at, p.last_active),
        total_conversations = coalesce(new.total_conversations, p.total_conversations),
        total_searches = coalesce(new.total_searches, p.total_searches),
        created_at = coalesce(new.created_at, p.created_at),
        avatar_url = coalesce(new.avatar_url, p.avatar_url),
        message_count = coalesce(new.message_count, p.message_count),
        token_usage = coalesce(new.token_usage, p.token_usage),
        subscription_tier = coalesce(new.subscription_tier, p.subscription_tier),
        subscription_status = coalesce(new.subscription_status, p.subscription_status),
        clerk_id = coalesce(new.clerk_id, p.clerk_id)
    where p.id = new.id;
    select * into new from public.users where id = new.id;
    return new;
end
$$;
drop trigger if exists users_insert on public.users;
create trigger users_insert instead of insert on public.users
for each row execute function public.insert_user();

create or replace function public.delete_user() returns trigger
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    if not sterna.is_server() then
        raise insufficient_privilege using message = 'an account is erased by its own way';
    end if;
    delete from auth.users where id = old.id;
    return old;
end
$$;
drop trigger if exists users_delete on public.users;
create trigger users_delete instead of delete on public.users
for each row execute function public.delete_user();

create or replace function public.update_user_timestamp() returns trigger
language plpgsql
security definer
set search_path = pg_catalog
as $$
begin
    if not sterna.is_applying() then
        new.updated_at := now();
    end if;
    return new;
end
$$;
drop trigger if exists update_users_timestamp on public.profiles;
create trigger update_users_timestamp before update on public.profiles
for each row execute function public.update_user_timestamp();

-- Keeps the times of restored conversations, as in 02_chat.sql.
create or replace function public.update_chat_sessions_timestamp() returns trigger
language plpgsql
security definer
set search_path = pg_catalog
as $$
begin
    if not sterna.is_applying() then
        new.updated_at := now();
    end if;
    return new;
end
$$;
drop trigger if exists trigger_update_chat_sessions_timestamp on public.chat_sessions;
create trigger trigger_update_chat_sessions_timestamp before update on public.chat_sessions
for each row execute function public.update_chat_sessions_timestamp();

-- The function of on_chat_session_created under its name in 003. No trigger calls it, or conversations would be counted twice.
create or replace function public.update_user_conversations() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.profiles
    set total_conversations = total_conversations + 1, last_session_id = new.id
    where id = new.user_id;
    return new;
end
$$;

-- Role, text and model of a message in 003's format. Only text content counts.
create or replace function public.memory_role(p_message jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select case
        when p_message ->> 'role' in ('user', 'assistant', 'system') then p_message ->> 'role'
        when p_message ->> 'type' = 'ai' then 'assistant'
        when p_message ->> 'type' = 'system' then 'system'
        else 'user'
    end
$$;

create or replace function public.memory_content(p_message jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select case 'string'
        when jsonb_typeof(p_message -> 'content') then p_message ->> 'content'
        when jsonb_typeof(p_message -> 'data' -> 'content') then p_message -> 'data' ->> 'content'
        when jsonb_typeof(p_message -> 'text') then p_message ->> 'text'
        else p_message::text
    end
$$;

create or replace function public.memory_model(p_message jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select p_message ->> 'model' where jsonb_typeof(p_message -> 'model') = 'string' and length(p_message ->> 'model') <= 100
$$;

-- Messages in 003's format: as written through this view, or built from the columns.
create or replace view public.chat_memory with (security_invoker = true) as
select
    id,
    session_id,
    coalesce(raw_message, jsonb_build_object('id', id, 'role', role, 'content', content, 'model', model)) as message,
    message_timestamp as created_at,
    user_id
from public.chat_messages;
revoke all on public.chat_memory from public, anon, authenticated;
grant select, insert, update, delete on public.chat_memory to authenticated, service_role;

create or replace function public.write_chat_memory() returns trigger
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    if tg_op = 'DELETE' then
        delete from public.chat_messages where user_id = old.user_id and id = old.id;
        return old;
    end if;
    if new.message is null then
        raise not_null_violation using message = 'chat_memory.message is missing';
    end if;
    if tg_op = 'INSERT' then
        new.id := coalesce(new.id, gen_random_uuid()::text);
        new.created_at := coalesce(new.created_at, now());
        insert into public.chat_messages (user_id, id, session_id, role, content, model, message_timestamp, raw_message)
        values (
            new.user_id, new.id, new.session_id, public.memory_role(new.message), public.memory_content(new.message),
            public.memory_model(new.message), new.created_at, new.message
        )
        returning user_id into new.user_id;
    elsif new.message is distinct from old.message then
        update public.chat_messages
        set id = new.id, session_id = new.session_id, message_timestamp = new.created_at,
            role = public.memory_role(new.message), content = public.memory_content(new.message),
            model = public.memory_model(new.message), raw_message = new.message
        where user_id = old.user_id and id = old.id;
    else
        update public.chat_messages
        set id = new.id, session_id = new.session_id, message_timestamp = new.created_at
        where user_id = old.user_id and id = old.id;
    end if;
    return new;
end
$$;
drop trigger if exists chat_memory_write on public.chat_memory;
create trigger chat_memory_write instead of insert or update or delete on public.chat_memory
for each row execute function public.write_chat_memory();

-- Messages that were written through the view, by conversation.
create index if not exists idx_chat_memory_session_id on public.chat_messages (user_id, session_id) where raw_message is not null;

-- Applies edits of columns to the format of chat_memory too.
create or replace function public.keep_raw_message_in_step() returns trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
    new.raw_message := case jsonb_typeof(new.raw_message)
        when 'object'
        then new.raw_message || jsonb_build_object('role', new.role, 'content', new.content, 'model', new.model)
    end;
    return new;
end
$$;
drop trigger if exists chat_messages_raw_message on public.chat_messages;
create trigger chat_messages_raw_message before update of role, content, model on public.chat_messages
for each row when (
    new.raw_message is not null
    and new.raw_message is not distinct from old.raw_message
    and (new.role, new.content, new.model) is distinct from (old.role, old.content, old.model)
)
execute function public.keep_raw_message_in_step();

-- Searches of an account, with their results.
create table if not exists public.search_sessions (
    user_id uuid not null default public.current_profile_id(),
    id uuid not null default gen_random_uuid(),
    filters jsonb not null,
    results jsonb not null,
    results_count integer not null,
    status text not null,
    created_at timestamptz not null default now(),
    constraint search_sessions_pkey primary key (user_id, id),
    constraint search_sessions_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade,
    constraint search_sessions_status_known check (status in ('completed', 'no_results', 'failed'))
);
create index if not exists idx_search_sessions_created_at on public.search_sessions (user_id, created_at desc);

call sterna.guard('{public.search_sessions}');
grant select, insert on public.search_sessions to authenticated;
drop policy if exists search_sessions_select_own on public.search_sessions;
create policy search_sessions_select_own on public.search_sessions for select to authenticated
using (user_id = (select public.current_profile_id()));
drop policy if exists search_sessions_insert_own on public.search_sessions;
create policy search_sessions_insert_own on public.search_sessions for insert to authenticated
with check (user_id = (select public.current_profile_id()));

create or replace function public.update_user_search_count() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.profiles set total_searches = total_searches + 1 where id = new.user_id;
    return new;
end
$$;
drop trigger if exists on_search_session_created on public.search_sessions;
create trigger on_search_session_created after insert on public.search_sessions
for each row execute function public.update_user_search_count();

-- Returns the account with a name, for the account and the server only; others do not learn whether it exists.
create or replace function sterna.own_profile(p_clerk_id text) returns uuid
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
declare
    found_id uuid;
begin
    select id into found_id from public.profiles where clerk_id = p_clerk_id;
    perform sterna.require_own(found_id);
    return found_id;
end
$$;

-- Conversations of an account, last changed first, each with its newest message.
create or replace function public.get_user_chat_history(p_clerk_id text)
returns table (
    session_id text,
    title text,
    last_message jsonb,
    created_at timestamptz,
    updated_at timestamptz
)
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
declare
    person uuid := sterna.own_profile(p_clerk_id);
begin
    return query
    select s.id, s.title::text, m.message, s.created_at, s.updated_at
    from public.chat_sessions as s
    left join lateral (
        select c.message
        from public.chat_memory as c
        where c.user_id = s.user_id and c.session_id = s.id
        order by c.created_at desc, c.id desc
        limit 1
    ) as m on true
    where s.user_id = person
    order by s.updated_at desc, s.id desc;
end
$$;

create or replace function public.get_user_stats(p_clerk_id text)
returns table (
    total_conversations integer,
    total_searches integer,
    message_count integer,
    token_usage bigint,
    subscription_tier text,
    subscription_status text
)
language plpgsql stable
security definer
set search_path = pg_catalog, public
as $$
declare
    person uuid := sterna.own_profile(p_clerk_id);
begin
    return query
    select p.total_conversations, p.total_searches, p.message_count, p.token_usage, p.subscription_tier::text,
        p.subscription_status
    from public.profiles as p
    where p.id = person;
end
$$;

call sterna.reserve(array[
    'public.insert_user()',
    'public.delete_user()',
    'public.update_user_timestamp()',
    'public.update_chat_sessions_timestamp()',
    'public.update_user_conversations()',
    'public.write_chat_memory()',
    'public.keep_raw_message_in_step()',
    'public.memory_role(jsonb)',
    'public.memory_content(jsonb)',
    'public.memory_model(jsonb)',
    'public.update_user_search_count()',
    'sterna.own_profile(text)',
    'public.get_user_chat_history(text)',
    'public.get_user_stats(text)'
]::regprocedure []);
grant execute on function public.memory_role(jsonb) to authenticated;
grant execute on function public.memory_content(jsonb) to authenticated;
grant execute on function public.memory_model(jsonb) to authenticated;
grant execute on function public.get_user_chat_history(text) to authenticated;
grant execute on function public.get_user_stats(text) to authenticated;

reset role;
