-- What is known of a reply that arrives, beside its text: the tools that were called, as its message will name them.
alter table live_replies add column metadata text not null default '{}'
    constraint live_replies_metadata_json check (json_valid(metadata));
