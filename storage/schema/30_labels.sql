-- Local only: what the list is ordered and filtered by. Pinned, archived and tagged are settings of a conversation, one row for each tag, so
-- that two devices that tag at once add to the same set. The two columns repeat what the settings say, for the index.

alter table chat_sessions add column pinned integer not null default 0 constraint chat_sessions_pinned_boolean check (pinned in (0, 1));
alter table chat_sessions add column archived integer not null default 0 constraint chat_sessions_archived_boolean check (archived in (0, 1));

create index session_settings_key on session_settings (key, session_id);

update write_context set filling = 1;
update chat_sessions
set
    pinned = exists (select 1 from session_settings where session_id = chat_sessions.id and key = 'pinned' and value not in ('false', 'null')),
    archived = exists (select 1 from session_settings where session_id = chat_sessions.id and key = 'archived' and value not in ('false', 'null'))
where id in (select session_id from session_settings where key in ('pinned', 'archived'));
update write_context set filling = 0;

-- The list's order: pinned conversations first, each part as before, archived ones apart.
create index chat_sessions_listed on chat_sessions (archived, pinned desc, coalesce(last_message_timestamp, created_at) desc, id desc);

create trigger list_label_insert after insert on session_settings
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

create trigger list_label_update after update of key, value on session_settings
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

create trigger list_label_delete after delete on session_settings
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

-- What the labels of conversations were before a change that can be undone; null: the conversations were deleted.
alter table trash add column labels text constraint trash_labels_json check (labels is null or json_valid(labels));
