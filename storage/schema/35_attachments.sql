-- Files attached to messages and drafts. Their bytes are files beside the database, named by their SHA-256; what a message has attached
-- stands in its metadata ($.attachments: [{"id", "name", "type", "size"}]), so that it is synced, restored and copied with the message.

create table attachments (
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

create table message_attachments (
    message_id text not null,
    position integer not null,
    attachment_id text not null,
    name text not null,
    media_type text not null,
    size integer not null,
    constraint message_attachments_pkey primary key (message_id, position)
) strict, without rowid;
create index idx_message_attachments_attachment_id on message_attachments (attachment_id);

-- The attachments that a message's metadata names, at most 20; what has no valid id is passed over.
create view attachments_of_messages as
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

create trigger message_attachments_insert after insert on chat_messages
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

create trigger message_attachments_update after update of id, metadata, has_attachments on chat_messages
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

create trigger message_attachments_delete after delete on chat_messages
when old.has_attachments = 1
begin
    delete from message_attachments where message_id = old.id;
end;

-- Local only: what is attached to a draft, in the same form.
alter table drafts add column attachments text not null default '[]' constraint drafts_attachments_json check (json_valid(attachments));
