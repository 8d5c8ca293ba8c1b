-- What a person did in a visit: names of actions, counts and durations, never text. As the server's file of this name; what its functions do
-- is asked of the store (storage/analytics/interactions.py). From interaction analytics (004), docs/specification/README.md#interaction-analytics.

create table user_interactions (
    id text not null default (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    session_id text not null,
    user_id text,
    event_type text not null,
    content_id text,
    duration integer,
    event_data text not null default '{}',
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    constraint user_interactions_pkey primary key (id),
    constraint user_interactions_session_fkey foreign key (session_id) references user_sessions (id) on delete cascade,
    constraint user_interactions_user_id_fkey
    foreign key (user_id) references profiles (id) on delete cascade on update cascade,
    constraint user_interactions_event_data_json check (json_valid(event_data)),
    constraint user_interactions_created_at_form check (created_at glob '????-??-??T??:??:??.??????Z')
) strict;
create index idx_user_interactions_session on user_interactions (session_id, created_at);
create index idx_user_interactions_user on user_interactions (user_id, created_at);

-- The owner follows from the visit.
create trigger own_user_interaction after insert on user_interactions
when new.user_id is not (select user_id from user_sessions where id = new.session_id)
begin
    update user_interactions set user_id = (select user_id from user_sessions where id = new.session_id) where id = new.id;
end;

-- A visit in which something happens is not idle; one that was taken for ended goes on to its latest event.
create trigger on_user_interaction_created after insert on user_interactions
begin
    update user_sessions set ended_at = iif(ended_at is null, null, max(ended_at, new.created_at)) where id = new.session_id;
end;
