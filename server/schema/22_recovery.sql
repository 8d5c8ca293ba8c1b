-- Recovery codes for forgotten passwords, stored as SHA-256 hashes only.

set role sterna_owner;

create table if not exists sterna.recovery_codes (
    hash bytea not null,
    user_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint recovery_codes_pkey primary key (hash),
    constraint recovery_codes_user_id_key unique (user_id),
    constraint recovery_codes_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    constraint recovery_codes_hash_length check (length(hash) = 32)
);
comment on table sterna.recovery_codes is 'At most one per account: a newer code replaces it, and its use removes it.';

call sterna.guard('{sterna.recovery_codes}');

reset role;
