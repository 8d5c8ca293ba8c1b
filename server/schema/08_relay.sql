-- Replies of the relay, counted before each request to the model, for the limits of model_access only. Visible usage is in
-- user_usage_daily, and counts synced messages.

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
comment on table sterna.relay_usage is 'Counts for limits, which also apply to accounts that never sync. Not visible, not synced.';

call sterna.guard('{sterna.relay_usage}');

reset role;
