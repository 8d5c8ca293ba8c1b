"""/rest/v1 serves what schema/20_rest.sql lists, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accounts import Db, Person

FUNCTIONS = {
    "batch_track_user_interactions",
    "can_user_use_model",
    "count_session_events",
    "current_profile_id",
    "end_user_session",
    "export_user_data",
    "get_open_user_session",
    "get_session_with_messages",
    "get_user_allowed_models",
    "get_user_chat_history",
    "get_user_complete_profile",
    "get_user_recent_sessions",
    "get_user_stats",
    "start_user_session",
    "sync_profile_from_auth",
    "track_user_interaction",
    "update_user_preferences",
}
RELATIONS = {
    "api_user_summary",
    "chat_memory",
    "chat_messages",
    "chat_sessions",
    "deleted_items",
    "model_access",
    "profiles",
    "search_sessions",
    "session_settings",
    "user_activity_log",
    "user_interactions",
    "user_sessions",
    "user_usage_daily",
    "users",
    "visit_messages",
}
"""Allowed entries. A new one needs row security, or a check of the owner in the function."""


@pytest.fixture
def unlisted(db: Db) -> Iterator[None]:
    """Create a function and tables that the role authenticated may use but that are not listed."""
    db.execute("create function public.new_function() returns integer language sql stable as 'select 7'")
    db.execute("create table public.new_table (user_id uuid)")
    db.execute("grant execute on function public.new_function() to authenticated")
    db.execute("grant select on public.new_table to authenticated")
    yield
    db.execute("drop function public.new_function()")
    db.execute("drop table public.new_table")


def test_a_new_function_and_a_new_table_are_closed_until_they_are_listed(unlisted: None, ada: Person, db: Db) -> None:
    paths = {"/rest/v1/rpc/new_function": "PGRST202", "/rest/v1/new_table": "PGRST205"}
    for path, code in paths.items():
        answer = ada.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    db.execute("comment on function public.new_function() is '@rest A number.'")
    assert ada.http.get("/rest/v1/rpc/new_function").json() == 7
    db.execute("comment on table public.new_table is '@rest Without row security it is closed all the same.'")
    assert ada.http.get("/rest/v1/new_table").status_code == 404
    db.execute("alter table public.new_table enable row level security")
    assert ada.http.get("/rest/v1/new_table").json() == []


def test_every_function_of_the_schema_that_is_not_listed_is_closed(ada: Person, db: Db) -> None:
    rows = db.execute("select distinct proname from pg_proc where pronamespace = 'public'::regnamespace").fetchall()
    names = {row["proname"] for row in rows}
    assert names >= FUNCTIONS | {"sync_answered", "sync_user_conversations", "sync_lock", "sync_restore"}
    for name in names - FUNCTIONS:
        for answer in (ada.http.post(f"/rest/v1/rpc/{name}", json={}), ada.http.get(f"/rest/v1/rpc/{name}")):
            assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202"), name


def test_every_relation_is_listed_or_closed(ada: Person, db: Db) -> None:
    rows = db.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')"
    ).fetchall()
    names = {row["relname"] for row in rows}
    assert names >= RELATIONS | {"sync_replica", "system_cache"}
    for name in names:
        assert ada.http.get(f"/rest/v1/{name}").status_code == (200 if name in RELATIONS else 404), name
    for name in ("users", "refresh_tokens", "secrets", "pg_class", "pg_roles"):
        result = ada.http.get(f"/rest/v1/auth.{name}"), ada.http.get(f"/rest/v1/sterna.{name}")
        assert {item.status_code for item in result} == {404}


def test_the_marks_of_the_catalogue_are_these_and_no_others(db: Db) -> None:
    functions = db.execute(
        "select proname as name from pg_proc where obj_description(oid, 'pg_proc') like '@rest%'"
    ).fetchall()
    relations = db.execute(
        "select relname as name from pg_class where obj_description(oid, 'pg_class') like '@rest%'"
    ).fetchall()
    assert ({row["name"] for row in functions}, {row["name"] for row in relations}) == (FUNCTIONS, RELATIONS)
