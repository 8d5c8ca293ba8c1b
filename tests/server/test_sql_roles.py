"""Rights of roles on functions."""

from __future__ import annotations

import psycopg
import pytest
from accounts import Db, acting_as, make_user

from sterna.server.identity import NOBODY, SERVER, Identity

OF_A_PERSON = (
    "sync_profile_from_auth(%s)",
    "update_user_preferences(%s, 'ui', '{}')",
    "get_user_allowed_models(%s)",
    "can_user_use_model(%s, 'openai/gpt-4o')",
    "get_user_complete_profile(%s)",
    "export_user_data(%s)",
)
OF_THE_SERVER = (
    "log_user_activity(%s, 'x')",
    "update_user_tier(%s, 'pro')",
    "track_user_usage(%s)",
    "track_user_usage_delta(%s, 0, 0, 0, 0, '{}', 0, 0)",
    "cleanup_old_data(365) where %s::uuid is not null",
    "analyze_database_health() where %s::uuid is not null",
)
SERVERS_TABLES = ("system_cache", "system_stats", "sterna.secrets", "sterna.schema_files", "auth.users")


@pytest.fixture
def al(db: Db) -> Identity:
    return Identity("authenticated", *make_user(db))


@pytest.fixture
def bo(db: Db) -> Identity:
    return Identity("authenticated", *make_user(db))


@pytest.mark.parametrize("function", OF_A_PERSON)
def test_what_is_of_a_person_is_refused_to_others(db: Db, al: Identity, bo: Identity, function: str) -> None:
    for who in (al, SERVER):
        with acting_as(db, who):
            assert db.execute(f"select {function}", (al.user_id,)).fetchone() is not None
    for who in (bo, NOBODY, Identity("authenticated")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, who):
            db.execute(f"select {function}", (al.user_id,))


@pytest.mark.parametrize("function", OF_THE_SERVER)
def test_what_is_of_the_server_is_refused_to_people(db: Db, al: Identity, function: str) -> None:
    with acting_as(db, SERVER):
        assert db.execute(f"select {function}", (al.user_id,)).fetchone() is not None
    for who in (al, NOBODY):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, who):
            db.execute(f"select {function}", (al.user_id,))


@pytest.mark.parametrize("table", SERVERS_TABLES)
def test_the_servers_tables_are_shut(db: Db, al: Identity, table: str) -> None:
    for who in (al, NOBODY):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, who):
            db.execute(f"select * from {table}")


def test_claims_alone_make_nobody_the_server(db: Db, al: Identity, bo: Identity) -> None:
    for role in ("service_role", "sterna_owner"):
        with acting_as(db, bo):
            db.execute("select set_config('request.jwt.claims', %s, true)", (f'{{"role": "{role}"}}',))
            with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
                db.execute("select export_user_data(%s)", (al.user_id,))


def test_a_connection_that_names_no_role_is_judged_by_its_own(db: Db, al: Identity) -> None:
    """A role that signs in to the database directly is not the server because nobody set a role for it."""
    with db.transaction(force_rollback=True):
        db.execute("set session authorization authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            db.execute("select export_user_data(%s)", (al.user_id,))
        db.execute("reset session authorization")
        db.execute("select export_user_data(%s)", (al.user_id,))


def test_use_is_forged_by_nobody(db: Db, al: Identity) -> None:
    for statement in (
        "insert into user_usage_daily (user_id, usage_date) values (current_profile_id(), '2020-01-01')",
        "update user_usage_daily set messages_sent = 0",
        "delete from user_usage_daily",
        "insert into user_activity_log (user_id, action) values (current_profile_id(), 'x')",
        "insert into model_access (model_id, tier) values ('mine', 'free')",
        "update model_access set tier = 'free'",
        "delete from profiles",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, al):
            db.execute(statement)


def test_everybody_sees_their_own_rows(db: Db, al: Identity, bo: Identity) -> None:
    for who in (al, bo):
        with acting_as(db, SERVER):
            db.execute("select track_user_usage(%s, 1)", (who.user_id,))
    for table, column in (
        ("profiles", "id"),
        ("user_activity_log", "user_id"),
        ("user_usage_daily", "user_id"),
        ("api_user_summary", "id"),
    ):
        with acting_as(db, al):
            assert {row[column] for row in db.execute(f"select {column} from {table}").fetchall()} == {al.user_id}
        with acting_as(db, Identity("authenticated")):
            assert db.execute(f"select {column} from {table}").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, NOBODY):
            db.execute(f"select {column} from {table}")
