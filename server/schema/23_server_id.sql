-- Id of this server, by which clients recognise it when its address changes.

set role sterna_owner;

insert into sterna.secrets (name, value) values ('server_id', gen_random_uuid()::text) on conflict (name) do nothing;

reset role;
