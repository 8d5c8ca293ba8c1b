-- Files attached to messages. What a message has attached stands in its metadata (attachments: [{"id", "name", "type", "size"}]), from which
-- message_attachments is kept. The files themselves are uploaded in pieces and belong to one account, also where others have the same file.

set role sterna_owner;

create table if not exists public.attachments (
    user_id uuid not null,
    id text collate "C" not null, -- SHA-256 of the content, in hexadecimal
    size bigint not null,
    received bigint not null default 0,
    is_complete boolean not null default false, -- all of it is here, and has this id
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(), -- time of the last upload, or of the end of the last message with it
    constraint attachments_pkey primary key (user_id, id),
    constraint attachments_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade,
    constraint attachments_id_form check (id ~ '^[0-9a-f]{64}$'),
    constraint attachments_received_range check (size > 0 and received between 0 and size)
);
create index if not exists idx_attachments_used_at on public.attachments (used_at);

create table if not exists public.attachment_pieces (
    user_id uuid not null,
    attachment_id text collate "C" not null,
    start bigint not null, -- place of the first byte
    content bytea not null,
    constraint attachment_pieces_pkey primary key (user_id, attachment_id, start),
    constraint attachment_pieces_attachment_id_fkey
        foreign key (user_id, attachment_id) references public.attachments (user_id, id) on delete cascade,
    constraint attachment_pieces_content_length check (length(content) between 1 and 1048576)
);
alter table public.attachment_pieces alter column content set storage external; -- images do not become smaller

create table if not exists public.message_attachments (
    user_id uuid not null,
    message_id text collate "C" not null,
    position integer not null,
    attachment_id text collate "C" not null,
    name text not null,
    media_type text not null,
    size bigint not null,
    constraint message_attachments_pkey primary key (user_id, message_id, position),
    constraint message_attachments_message_id_fkey
        foreign key (user_id, message_id) references public.chat_messages (user_id, id)
        on delete cascade on update cascade
);
create index if not exists idx_message_attachments_attachment_id on public.message_attachments (user_id, attachment_id);

call sterna.guard('{public.attachments, public.attachment_pieces, public.message_attachments}');

drop policy if exists attachments_own on public.attachments;
create policy attachments_own on public.attachments to authenticated
using (user_id = (select public.current_profile_id()))
with check (user_id = (select public.current_profile_id()));
grant select, insert, update, delete on public.attachments to authenticated;

drop policy if exists attachment_pieces_own on public.attachment_pieces;
create policy attachment_pieces_own on public.attachment_pieces to authenticated
using (user_id = (select public.current_profile_id()))
with check (user_id = (select public.current_profile_id()));
grant select, insert, delete on public.attachment_pieces to authenticated;

drop policy if exists message_attachments_own on public.message_attachments;
create policy message_attachments_own on public.message_attachments for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.message_attachments to authenticated;

-- Keeps the attachments of a message as its metadata names them, at most 20; what has no valid id is passed over.
create or replace function public.link_attachments() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    if tg_op = 'UPDATE' then
        delete from public.message_attachments where user_id = new.user_id and message_id in (old.id, new.id);
    end if;
    if new.has_attachments and jsonb_typeof(new.metadata -> 'attachments') = 'array' then
        insert into public.message_attachments (user_id, message_id, position, attachment_id, name, media_type, size)
        select
            new.user_id,
            new.id,
            a.place - 1,
            a.value ->> 'id',
            left(case when jsonb_typeof(a.value -> 'name') = 'string' then a.value ->> 'name' else '' end, 255),
            left(case when jsonb_typeof(a.value -> 'type') = 'string' then a.value ->> 'type' else '' end, 100),
            case
                when jsonb_typeof(a.value -> 'size') <> 'number' then 0
                when (a.value ->> 'size')::numeric between 0 and 9007199254740991
                    and (a.value ->> 'size')::numeric = trunc((a.value ->> 'size')::numeric)
                then (a.value ->> 'size')::numeric::bigint
                else 0
            end
        from jsonb_array_elements(new.metadata -> 'attachments') with ordinality as a (value, place)
        where
            a.place <= 20
            and jsonb_typeof(a.value) = 'object'
            and jsonb_typeof(a.value -> 'id') = 'string'
            and a.value ->> 'id' ~ '^[0-9a-f]{64}$'
        on conflict (user_id, message_id, position) do nothing;
    end if;
    return null;
end
$$;
revoke all on function public.link_attachments() from public, anon, authenticated;
drop trigger if exists message_attachments_insert on public.chat_messages;
create trigger message_attachments_insert after insert on public.chat_messages
for each row when (new.has_attachments) execute function public.link_attachments();
drop trigger if exists message_attachments_update on public.chat_messages;
create trigger message_attachments_update after update of id, metadata, has_attachments on public.chat_messages
for each row when (old.has_attachments or new.has_attachments) execute function public.link_attachments();

-- A file that no message has any more stays for a month, because the message may be restored.
create or replace function public.date_unlinked_attachment() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public
as $$
begin
    update public.attachments set used_at = now() where user_id = old.user_id and id = old.attachment_id;
    return null;
end
$$;
revoke all on function public.date_unlinked_attachment() from public, anon, authenticated;
drop trigger if exists message_attachments_delete on public.message_attachments;
create trigger message_attachments_delete after delete on public.message_attachments
for each row execute function public.date_unlinked_attachment();

-- Removes some files that no message has had for a month, and uploads that were abandoned a week ago. Returns their number.
create or replace function public.purge_attachments(p_most integer default 100) returns bigint
language sql
security definer
set search_path = pg_catalog, public
as $$
    with unused as (
        select a.user_id, a.id
        from public.attachments as a
        where
            a.used_at < now() - case when a.is_complete then interval '31 days' else interval '7 days' end
            and not exists (
                select 1
                from public.message_attachments as m
                where m.user_id = a.user_id and m.attachment_id = a.id and a.is_complete
            )
        limit p_most
        for update skip locked
    ),

    gone as (
        delete from public.attachments as a
        using unused as u
        where a.user_id = u.user_id and a.id = u.id
        returning 1
    )

    select count(*) from gone
$$;
call sterna.reserve('{public.purge_attachments(integer)}');

reset role;
