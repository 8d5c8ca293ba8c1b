-- Local only: one draft a window. Two windows that write in the same conversation, or each begin a new one, do not overwrite each other's;
-- what a window leaves behind, the next one that opens the conversation takes over.

create table window_drafts (
    session_id text not null,              -- empty: the conversation that is not made yet
    owner text not null default '',        -- name of the file that the window's process holds locked; empty: of no window that lives
    content text not null,
    updated_at text not null,
    primary key (session_id, owner)
) strict, without rowid;

insert into window_drafts (session_id, owner, content, updated_at)
select session_id, '', content, updated_at
from drafts;

drop table drafts;

alter table window_drafts rename to drafts;
