-- Vectors of messages, for the search by meaning of a server that was started with a model. They need pgvector; without it the table stays
-- empty. A vector has as many numbers as its model gives, so the column names no size.

set role sterna_owner;

create table if not exists public.message_vectors (
    user_id uuid not null,
    message_id text collate "C" not null,
    part smallint not null,
    model integer not null, -- checksum of the model's name; vectors of different models cannot be compared
    constraint message_vectors_pkey primary key (user_id, message_id, part),
    constraint message_vectors_message_id_fkey
        foreign key (user_id, message_id) references public.chat_messages (user_id, id)
        on delete cascade on update cascade
);
do $$
declare
    kind text := (
        select t.oid::regtype::text
        from pg_extension as e
        join pg_depend as d on d.refobjid = e.oid and d.refclassid = 'pg_extension'::regclass and d.classid = 'pg_type'::regclass
        join pg_type as t on t.oid = d.objid
        where e.extname = 'vector' and t.typname = 'vector'
    );
begin
    execute format('alter table public.message_vectors add column if not exists embedding %s', coalesce(kind, 'real []'));
end
$$;

-- How far the history of an account has vectors: the number of the last change that was read, and by which model.
create table if not exists sterna.vector_progress (
    user_id uuid not null,
    model integer not null,
    seq bigint not null,
    constraint vector_progress_pkey primary key (user_id),
    constraint vector_progress_user_id_fkey foreign key (user_id) references public.profiles (id) on delete cascade
);

call sterna.guard('{public.message_vectors, sterna.vector_progress}');

drop policy if exists message_vectors_own on public.message_vectors;
create policy message_vectors_own on public.message_vectors for select to authenticated
using (user_id = (select public.current_profile_id()));
grant select on public.message_vectors to authenticated;

reset role;
