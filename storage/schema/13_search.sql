-- Local only: full text, external content, kept in step by triggers. System messages are not searched.
--
-- Prefix indexes make the first letters of a word, typed into 2,000,000 messages, as quick as a whole word. unicode61 folds case and accents;
-- a run of Chinese, Japanese, Korean or Thai is one word to it, which the program's search makes up for.

create view searchable_messages as
select local_id, content from chat_messages where role <> 'system';

create virtual table message_search using fts5 (
    content,
    content = 'searchable_messages',
    content_rowid = 'local_id',
    tokenize = "unicode61 remove_diacritics 2",
    prefix = '1 2 3'
);

create virtual table title_search using fts5 (
    title,
    content = 'chat_sessions',
    content_rowid = 'local_id',
    tokenize = "unicode61 remove_diacritics 2",
    prefix = '1 2 3'
);

-- What one transaction adds is gathered in memory up to so many bytes; the default, 1 MB, makes an import write its words many times over.
insert into message_search (message_search, rank) values ('hashsize', 33554432);

-- Messages that are not indexed yet, by local_id: an import of a million is kept at once and indexed afterwards.
create table search_backlog (
    first_id integer primary key,
    last_id integer not null
) strict;

create trigger search_message_insert after insert on chat_messages
when (select bulk = 0 from write_context) and new.role <> 'system'
begin
    insert into message_search (rowid, content) values (new.local_id, new.content);
end;

create trigger search_message_delete after delete on chat_messages
when (select bulk = 0 from write_context) and old.role <> 'system'
    and not exists (select 1 from search_backlog where old.local_id between first_id and last_id)
begin
    insert into message_search (message_search, rowid, content) values ('delete', old.local_id, old.content);
end;

create trigger search_message_update after update of content, role on chat_messages
when (select bulk = 0 from write_context) and (old.content, old.role) is not (new.content, new.role)
    and not exists (select 1 from search_backlog where old.local_id between first_id and last_id)
begin
    insert into message_search (message_search, rowid, content)
    select 'delete', old.local_id, old.content where old.role <> 'system';
    insert into message_search (rowid, content) select new.local_id, new.content where new.role <> 'system';
end;

create trigger search_title_insert after insert on chat_sessions
when (select bulk = 0 from write_context)
begin
    insert into title_search (rowid, title) values (new.local_id, new.title);
end;

create trigger search_title_delete after delete on chat_sessions
when (select bulk = 0 from write_context)
begin
    insert into title_search (title_search, rowid, title) values ('delete', old.local_id, old.title);
end;

create trigger search_title_update after update of title on chat_sessions
when (select bulk = 0 from write_context) and old.title is not new.title
begin
    insert into title_search (title_search, rowid, title) values ('delete', old.local_id, old.title);
    insert into title_search (rowid, title) values (new.local_id, new.title);
end;
