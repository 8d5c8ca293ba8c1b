-- Local only: changes of the profile that are not sent to the server yet.
create table account_pending (
    name text not null primary key,        -- full_name, or a type of preferences
    value text not null constraint account_pending_json check (json_valid(value))
) strict, without rowid;
