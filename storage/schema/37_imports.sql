-- Local only: which import added and changed which conversation, so that it can be undone.

create table import_runs (
    id integer primary key autoincrement,
    began_at text not null,
    state text not null default 'running',
    paths text not null,                   -- json array of what was imported
    counts text not null default '{}',     -- json object of what came of it
    constraint import_runs_state_known check (state in ('running', 'done', 'stopped', 'undone')),
    constraint import_runs_paths_json check (json_valid(paths)),
    constraint import_runs_counts_json check (json_valid(counts))
) strict;

create table import_changes (
    run_id integer not null,
    session_id text not null,
    before text,                           -- what it changed, as json; null: the conversation was new
    undone integer not null default 0,
    constraint import_changes_pkey primary key (run_id, session_id),
    constraint import_changes_before_json check (before is null or json_valid(before)),
    constraint import_changes_undone_boolean check (undone in (0, 1)),
    constraint import_changes_run foreign key (run_id) references import_runs (id) on delete cascade
) strict, without rowid;
create index import_changes_session on import_changes (session_id, run_id);
