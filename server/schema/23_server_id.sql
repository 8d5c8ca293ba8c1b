-- Name of this server, which stays when its database moves to another address: clients know an account by it.

set role sterna_owner;

insert into sterna.secrets (name, value) values ('server_id', gen_random_uuid()::text) on conflict (name) do nothing;

reset role;
