-- Local only: every change of what a person or a model wrote marks its row in sync_outbox. Statistics never do. Nothing here is a temporary
-- trigger or a function of the program, so another tool's writes are captured too.

create view sync_moment as
select cast(round((julianday(coalesce(now, 'now')) - 2440587.5) * 86400000.0) as integer) as ms
from write_context;

create trigger capture_session_insert after insert on chat_sessions
when (select applying = 0 and bulk = 0 from write_context) and not exists (select 1 from sync_private where conv_id = new.id)
begin
    delete from sync_tombstones where kind = 'c' and id = new.id;
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'c', new.id, new.id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

create trigger capture_session_update after update of title on chat_sessions
when (select applying = 0 and bulk = 0 from write_context) and old.title is not new.title
    and not exists (select 1 from sync_private where conv_id = new.id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'c', new.id, new.id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

-- A conversation takes its messages and settings with it: one op says it all. What no server has heard of needs no op, but a tombstone,
-- for a copy of this file may have sent it.
create trigger capture_session_delete after delete on chat_sessions
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

create trigger capture_message_insert after insert on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
begin
    delete from sync_tombstones where kind = 'm' and id = new.id;
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', new.id, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set
        op = 'put', conv_id = excluded.conv_id, rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

create trigger capture_message_update after update of
    session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type, completion_id,
    message_timestamp, error_message, is_streaming, metadata, elapsed_ms, raw_message, reasoning, reasoning_details, has_attachments,
    attachment_count, has_websearch, websearch_result_count, output_image_tokens, annotations
on chat_messages
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
    and (
        old.session_id, old.role, old.content, old.model, old.total_tokens, old.input_tokens, old.output_tokens,
        old.user_message_id, old.content_type, old.completion_id, old.message_timestamp, old.error_message, old.is_streaming,
        old.metadata, old.elapsed_ms, old.raw_message, old.reasoning, old.reasoning_details, old.has_attachments,
        old.attachment_count, old.has_websearch, old.websearch_result_count, old.output_image_tokens, old.annotations
    ) is not (
        new.session_id, new.role, new.content, new.model, new.total_tokens, new.input_tokens, new.output_tokens,
        new.user_message_id, new.content_type, new.completion_id, new.message_timestamp, new.error_message, new.is_streaming,
        new.metadata, new.elapsed_ms, new.raw_message, new.reasoning, new.reasoning_details, new.has_attachments,
        new.attachment_count, new.has_websearch, new.websearch_result_count, new.output_image_tokens, new.annotations
    )
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', new.id, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set
        op = 'put', conv_id = excluded.conv_id, rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

-- Silent when the conversation itself is gone: a cascade reaches its messages first, and the conversation's own op covers them.
create trigger capture_message_delete after delete on chat_messages
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

create trigger capture_setting_insert after insert on session_settings
when (select applying = 0 and bulk = 0 from write_context)
    and not exists (select 1 from sync_private where conv_id = new.session_id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', new.session_id || '/' || new.key, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

create trigger capture_setting_update after update of value on session_settings
when (select applying = 0 and bulk = 0 from write_context) and old.value is not new.value
    and not exists (select 1 from sync_private where conv_id = new.session_id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', new.session_id || '/' || new.key, new.session_id, 'put', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;

create trigger capture_setting_delete after delete on session_settings
when (select applying = 0 and bulk = 0 from write_context)
    and exists (select 1 from chat_sessions where id = old.session_id)
    and not exists (select 1 from sync_private where conv_id = old.session_id)
begin
    insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', old.session_id || '/' || old.key, old.session_id, 'del', ms from sync_moment where true
    on conflict (kind, id) do update set op = 'del', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0;
end;
