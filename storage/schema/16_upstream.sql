-- Local only: what is known of a server that speaks upstream's protocol. It has neither positions nor revisions, so that what it showed last
-- (base) and what was last on its way to it (sent, which may have arrived without an answer) are all there is to tell an edit by.

alter table sync_remote add column title_sent text;

create table sync_remote_message (
    message_id text not null primary key,
    base text not null default '',         -- a digest; empty: never seen there
    sent text not null default '',
    extra text constraint sync_remote_message_json check (extra is null or json_valid(extra)) -- what the server says beside our columns
) strict, without rowid;
