-- A prompt whose provider cannot be reached waits in the row of its reply: why, and since when.
alter table live_replies add column waiting text;
alter table live_replies add column waiting_since text;
