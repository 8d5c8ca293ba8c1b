-- Conversations, messages, and the statistics of conversations, which triggers maintain.
--
-- Every key starts with the owner, so two accounts can use the same id without noticing each other.
-- Ids are compared bytewise ("C") as on devices, because they order messages of the same time.

set role sterna_owner;

create table if not exists public.chat_sessions (
    user_id uuid not null,
    id text collate "C" not null default gen_random_uuid()::text,
    title varchar(255) not null default 'New Chat',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_activity timestamptz not null default now(),
    message_count integer not null default 0,
    total_tokens bigint not null default 0,
    last_model varchar(100),
    is_active boolean not null default true,
    last_message_preview text,
    last_message_timestamp timestamptz,
    last_message jsonb,
    constraint chat_sessions_pkey primary key (user_id, id),
    constraint chat_sessions_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

-- also the order of the sync listing: newest first, conversations without messages by the time of their last change
create index if not exists idx_chat_sessions_user_id on public.chat_sessions (
    user_id, coalesce(last_message_timestamp, updated_at) desc, id desc
);
create index if not exists idx_chat_sessions_user_updated on public.chat_sessions (user_id, updated_at desc);
-- brin, because only the server rarely queries across accounts, and updates of conversations should cost nothing
create index if not exists idx_chat_sessions_updated_at on public.chat_sessions using brin (updated_at);

create table if not exists public.chat_messages (
    user_id uuid not null,
    session_id text collate "C" not null,
    id text collate "C" not null default gen_random_uuid()::text,
    role varchar(20) not null,
    content text not null,
    model varchar(100),
    total_tokens integer default 0,
    input_tokens integer default 0,
    output_tokens integer default 0,
    user_message_id text,
    content_type varchar(20) default 'text',
    elapsed_time integer default 0, -- seconds, kept equal to elapsed_ms by a trigger
    completion_id varchar(255),
    message_timestamp timestamptz not null default now(),
    error_message text,
    is_streaming boolean default false,
    metadata jsonb default '{}',
    elapsed_ms integer default 0,
    raw_message jsonb,
    reasoning text,
    reasoning_details jsonb,
    has_attachments boolean not null default false,
    attachment_count integer not null default 0,
    has_websearch boolean not null default false,
    websearch_result_count integer not null default 0,
    output_image_tokens integer not null default 0,
    annotations jsonb,
    constraint chat_messages_pkey primary key (user_id, id),
    constraint chat_messages_session_id_fkey
        foreign key (user_id, session_id) references public.chat_sessions (user_id, id) on delete cascade,
    constraint chat_messages_role_known check (role in ('user', 'assistant', 'system')),
    constraint chat_messages_content_type_known check (content_type in ('text', 'markdown')),
    constraint chat_messages_attachment_count_range check (attachment_count between 0 and 3),
    constraint chat_messages_websearch_result_count_range check (websearch_result_count between 0 and 50),
    constraint chat_messages_counters_range check (
        total_tokens >= 0 and input_tokens >= 0 and output_tokens >= 0 and elapsed_ms >= 0 and elapsed_time >= 0
    )
);

-- Rank of a message in the statistics: null for a failed one, which does not count; 2 for a system message, which is counted but never
-- shown as preview; 1 for a message without a model; 0 for one with a model. Without search_path, so that it is inlined and matches the
-- expression of the index below.
create or replace function public.message_standing(p_role text, p_model text, p_error_message text) returns integer
language sql immutable parallel safe
as $$
    select case when p_error_message <> '' then null when p_role = 'system' then 2 when p_model is null then 1 else 0 end
$$;
revoke all on function public.message_standing(text, text, text) from public, anon;
grant execute on function public.message_standing(text, text, text) to authenticated, service_role;

-- Also finds the newest message of each rank in one step, however many failed ones follow it.
create index if not exists idx_chat_messages_session_id on public.chat_messages (
    user_id,
    session_id,
    public.message_standing(role, model, error_message),
    message_timestamp,
    id
);
-- with the id, so that a page in order needs no sorting
create index if not exists idx_chat_messages_session_timestamp on public.chat_messages (
    user_id, session_id, message_timestamp, id
);
create index if not exists idx_chat_messages_timestamp on public.chat_messages using brin (message_timestamp);
create index if not exists idx_chat_messages_completion_id on public.chat_messages (completion_id)
where completion_id is not null;
create index if not exists idx_chat_messages_user_message_id on public.chat_messages (user_message_id)
where user_message_id is not null;
create index if not exists idx_chat_messages_tokens_role on public.chat_messages (role, input_tokens, output_tokens)
where input_tokens > 0 or output_tokens > 0;

-- Counts of the triggers. chat_sessions may have other numbers, written by a client, until the next message corrects them. Adding to such
-- numbers would keep them wrong, and counting again would take longer with each message.
create table if not exists public.session_counts (
    user_id uuid not null,
    session_id text collate "C" not null,
    messages bigint not null,
    tokens bigint not null,
    constraint session_counts_pkey primary key (user_id, session_id),
    constraint session_counts_session_id_fkey
        foreign key (user_id, session_id) references public.chat_sessions (user_id, id) on delete cascade
) with (fillfactor = 70);

create table if not exists public.session_settings (
    user_id uuid not null,
    session_id text collate "C" not null,
    key text not null,
    value jsonb not null,
    constraint session_settings_pkey primary key (user_id, session_id, key),
    constraint session_settings_key_form check (key <> '' and length(key) <= 100 and strpos(key, '/') = 0),
    constraint session_settings_session_id_fkey
        foreign key (user_id, session_id) references public.chat_sessions (user_id, id) on delete cascade
);

do $$
begin
    if not exists (select 1 from pg_catalog.pg_constraint where conname = 'profiles_last_session_id_fkey') then
        alter table public.profiles add constraint profiles_last_session_id_fkey
            foreign key (id, last_session_id) references public.chat_sessions (user_id, id)
            on delete set null (last_session_id);
    end if;
end
$$;

call sterna.guard('{public.chat_sessions, public.chat_messages, public.session_settings, public.session_counts}');

drop policy if exists chat_sessions_own on public.chat_sessions;
create policy chat_sessions_own on public.chat_sessions to authenticated
using (user_id = (select public.current_profile_id()))
with check (user_id = (select public.current_profile_id()));
grant select, insert, update, delete on public.chat_sessions to authenticated;

drop policy if exists chat_messages_own on public.chat_messages;
create policy chat_messages_own on public.chat_messages to authenticated
using (user_id = (select public.current_profile_id()))
with check (user_id = (select public.current_profile_id()));
grant select, insert, update, delete on public.chat_messages to authenticated;

drop policy if exists session_settings_own on public.session_settings;
create policy session_settings_own on public.session_settings to authenticated
using (user_id = (select public.current_profile_id()))
with check (user_id = (select public.current_profile_id()));
grant select, insert, update, delete on public.session_settings to authenticated;

drop policy if exists session_counts_own on public.session_counts;
create policy session_counts_own on public.session_counts for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.session_counts to authenticated;

-- Marks a transaction that restores rows, for example from the trash: they keep their times and are not counted as usage again. A row and
-- not a setting, because anybody can change settings; the setting only avoids looking for the row in other transactions.
create unlogged table if not exists sterna.applying (
    txid xid8 not null,
    constraint applying_pkey primary key (txid)
);
call sterna.guard('{sterna.applying}');

-- Switches restoring on or off for this transaction. A row that is left behind has no effect on other transactions.
create or replace function public.sync_applying(p_on boolean) returns void
language sql
security definer
set search_path = pg_catalog
as $$
    delete from sterna.applying where txid = pg_current_xact_id();
    insert into sterna.applying (txid) select pg_current_xact_id() where p_on;
    select set_config('sterna.applying', case when p_on then 'on' else '' end, true);
$$;
revoke all on function public.sync_applying(boolean) from public, anon, authenticated;
grant execute on function public.sync_applying(boolean) to service_role;

create or replace function sterna.is_applying() returns boolean
language plpgsql
set search_path = pg_catalog
as $$
begin
    if current_setting('sterna.applying', true) is distinct from 'on' then
        return false;
    end if;
    return exists (select 1 from sterna.applying where txid = pg_current_xact_id());
end
$$;
revoke all on function sterna.is_applying() from public, anon, authenticated;

-- Sets the owner of a message without one: the caller, else the only account with a conversation of that id.
create or replace function public.fill_message_owner() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
declare
    owners uuid[];
begin
    new.user_id := public.current_profile_id();
    if new.user_id is null then
        select array_agg(s.user_id) into owners
        from (select user_id from public.chat_sessions where id = new.session_id limit 2) as s;
        if cardinality(owners) is distinct from 1 then
            raise not_null_violation using message = 'chat_messages.user_id is missing, and not one conversation has this id';
        end if;
        new.user_id := owners[1];
    end if;
    return new;
end
$$;
drop trigger if exists fill_message_owner on public.chat_messages;
create trigger fill_message_owner before insert on public.chat_messages
for each row when (new.user_id is null) execute function public.fill_message_owner();

-- Keeps seconds and milliseconds equal; if both are written, milliseconds count.
create or replace function public.keep_elapsed_in_step() returns trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
    if new.elapsed_ms is distinct from old.elapsed_ms then
        new.elapsed_time := round(new.elapsed_ms / 1000.0);
    elsif new.elapsed_time is distinct from old.elapsed_time then
        -- fits into four bytes, and so do the seconds
        new.elapsed_ms := case when new.elapsed_time is not null then least(new.elapsed_time::bigint * 1000, 2147483647) end;
        new.elapsed_time := round(new.elapsed_ms / 1000.0);
    end if;
    return new;
end
$$;
drop trigger if exists chat_messages_elapsed on public.chat_messages;
create trigger chat_messages_elapsed before update on public.chat_messages
for each row when (new.elapsed_time is distinct from (new.elapsed_ms::bigint + 500) / 1000)
execute function public.keep_elapsed_in_step();

-- After the insert, so that a row that becomes an update of an existing one has the values of its writer, as on devices.
-- Once for a statement: an update for each row would run the other triggers of a statement as often.
create or replace function public.complete_elapsed() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.chat_messages as m
    set
        elapsed_ms = case
            when coalesce(m.elapsed_ms, 0) = 0 and m.elapsed_time is not null
            then least(m.elapsed_time::bigint * 1000, 2147483647)
            else m.elapsed_ms
        end,
        elapsed_time = case
            when coalesce(m.elapsed_ms, 0) = 0 then coalesce(m.elapsed_time, m.elapsed_ms)
            else round(m.elapsed_ms / 1000.0)
        end
    from inserted as i
    where
        i.elapsed_time is distinct from (i.elapsed_ms::bigint + 500) / 1000
        and m.user_id = i.user_id
        and m.id = i.id;
    return null;
end
$$;
revoke all on function public.complete_elapsed() from public, anon, authenticated;
drop trigger if exists chat_messages_elapsed_insert on public.chat_messages;
create trigger chat_messages_elapsed_insert after insert on public.chat_messages
referencing new table as inserted
for each statement execute function public.complete_elapsed();

-- Every change of a conversation counts as activity.
create or replace function public.update_session_timestamp() returns trigger
language plpgsql
security definer
set search_path = pg_catalog
as $$
begin
    if not sterna.is_applying() then
        new.updated_at := now();
        new.last_activity := now();
    end if;
    return new;
end
$$;
drop trigger if exists on_session_updated on public.chat_sessions;
create trigger on_session_updated before update on public.chat_sessions
for each row execute function public.update_session_timestamp();

reset role;
