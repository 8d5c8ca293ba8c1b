-- Replies that the relay began, counted before the model is asked. Use as people see it stays in user_usage_daily,
-- which only messages that are synced move; these counts serve the limits of model_access and nothing else.

set role sterna_owner;

create table if not exists sterna.relay_usage (
    user_id uuid not null,
    usage_date date not null,
    model_id varchar(100) not null,
    replies integer not null default 0,
    constraint relay_usage_pkey primary key (user_id, usage_date, model_id),
    constraint relay_usage_user_id_fkey foreign key (user_id)
    references public.profiles (id) on update cascade on delete cascade,
    constraint relay_usage_replies_range check (replies >= 0)
);
comment on table sterna.relay_usage is 'So that a limit holds for somebody who never syncs. Not shown, not synced.';

call sterna.guard('{sterna.relay_usage}');

reset role;
