-- Size limits of values that accounts can only store through functions.

set role sterna_owner;

-- The stored response of a push is decompressed when the push is repeated.
alter table public.sync_replica drop constraint if exists sync_replica_sizes;
alter table public.sync_replica add constraint sync_replica_sizes check (
    octet_length(answer) <= 4194304 and length(replica) <= 255 and length(req_hash) <= 255
) not valid;

reset role;
