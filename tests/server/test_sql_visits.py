"""Visits (002) on PostgreSQL: visits, messages, and the published statements unchanged.

See docs/specification/features.md#visits.
"""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from accounts import Db, acting_as, make_user

from sterna.server.identity import SERVER, Identity

VECTOR = [1.0] + [0.0] * 383
NEAR = [0.8, 0.6] + [0.0] * 382
FAR = [0.0] * 383 + [1.0]

VERIFYING = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    " AND table_name IN ('chat_sessions', 'chat_messages')",
    "SELECT indexname FROM pg_indexes WHERE tablename IN ('chat_sessions', 'chat_messages')",
    "SELECT COUNT(*) as session_count FROM chat_sessions",
    "SELECT session_token, device_type, created_at FROM chat_sessions ORDER BY created_at DESC LIMIT 5",
    "SELECT user_identifier, COUNT(*) as sessions FROM chat_sessions GROUP BY user_identifier HAVING COUNT(*) > 1",
    "SELECT device_type, COUNT(*) as count FROM chat_sessions GROUP BY device_type",
)
"""The published statements, unchanged; they need ``search_path = visits, public, pg_catalog``."""


def query(db: Db, who: Identity, statement: str, *values: Any) -> list[dict[str, Any]]:
    with acting_as(db, who):
        db.execute("set local search_path = visits, public, pg_catalog")
        cursor = db.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def visit(db: Db, name: str, device: str = "desktop") -> UUID:
    """Make a visit of somebody who is not signed in, as the published endpoint writes it."""
    (row,) = query(
        db,
        SERVER,
        "insert into chat_sessions (session_token, user_identifier, user_agent, referrer, device_type)"
        " values (%s, %s, 'Mozilla/5.0 (test)', 'https://example.com', %s) returning id",
        f"test_{uuid4()}",
        name,
        device,
    )
    result = row["id"]
    assert isinstance(result, UUID)
    return result


def say(db: Db, session: UUID, kind: str, content: str, embedding: list[float] | None = None) -> UUID:
    (row,) = query(
        db,
        SERVER,
        "insert into chat_messages (session_id, message_type, content, embedding) values (%s, %s, %s, %s) returning id",
        session,
        kind,
        content,
        None if embedding is None else json.dumps(embedding),
    )
    result = row["id"]
    assert isinstance(result, UUID)
    return result


def row_of(db: Db, session: UUID) -> dict[str, Any]:
    row = db.execute("select * from user_sessions where id = %s", (session,)).fetchone()
    assert row is not None
    return row


def matches(db: Db, who: Identity, owner: UUID, name: str | None, embedding: list[float]) -> list[dict[str, Any]]:
    return query(db, who, "select * from match_visit_messages(%s, %s, %s::real[])", owner, name, embedding)


NOBODY = UUID(int=0)


def test_schema_deployed_without_errors_under_the_published_names(db: Db) -> None:
    columns = {
        row["column_name"]: row["data_type"]
        for row in db.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'visits' and table_name = 'chat_messages'"
        ).fetchall()
    }
    assert list(columns) == [
        "id", "session_id", "message_type", "content", "embedding", "similar_qa_matches", "similarity_scores",
        "processing_time_ms", "error_message", "sequence_order", "created_at",
    ]  # fmt: skip
    indexes = {row["indexname"] for row in db.execute("select indexname from pg_indexes").fetchall()}
    assert indexes >= {
        "idx_chat_sessions_started_at", "idx_chat_sessions_user_identifier", "idx_visit_messages_session_id",
        "idx_chat_messages_session_id", "idx_chat_messages_created_at", "idx_chat_messages_type",
    }  # fmt: skip


def test_embeddings_are_pgvector_s_where_that_is_to_be_had(db: Db) -> None:
    row = db.execute(
        "select format_type(atttypid, atttypmod) as kind from pg_attribute"
        " where attrelid = 'visit_messages'::regclass and attname = 'embedding'"
    ).fetchone()
    assert row == {"kind": "vector(384)"}


@pytest.mark.parametrize("statement", VERIFYING)
def test_every_published_verifying_statement_runs_as_it_stands(db: Db, statement: str) -> None:
    name = f"of {uuid4()}"
    visit(db, name), visit(db, name, "mobile")
    result = query(db, SERVER, statement)
    assert result
    if "information_schema" in statement:
        assert {row["table_name"] for row in result} == {"chat_sessions", "chat_messages"}
    if "pg_indexes" in statement:
        assert {row["indexname"] for row in result} >= {
            "idx_chat_sessions_started_at", "idx_chat_sessions_user_identifier", "idx_chat_messages_session_id",
            "idx_chat_messages_created_at", "idx_chat_messages_type",
        }  # fmt: skip
    if "HAVING" in statement:
        assert {"user_identifier": name, "sessions": 2} in result
    if "GROUP BY device_type" in statement:
        assert {row["device_type"] for row in result} >= {"desktop", "mobile"}


def test_a_visit_gets_a_token_of_the_published_form_and_no_token_is_had_twice(db: Db) -> None:
    tokens = [
        query(db, SERVER, "insert into chat_sessions (user_identifier) values ('x') returning session_token")[0]
        for _ in range(20)
    ]
    assert all(re.fullmatch(r"sess_\d{13}_[0-9a-z]{9}", row["session_token"]) for row in tokens)
    assert len({row["session_token"] for row in tokens}) == 20
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(
            db,
            SERVER,
            "insert into chat_sessions (session_token, user_identifier) values (%s, 'y')",
            tokens[0]["session_token"],
        )


def test_a_visit_is_of_somebody(db: Db) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        query(db, SERVER, "insert into chat_sessions (session_token) values ('of nobody')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        query(db, SERVER, "insert into user_sessions (user_id) values (%s)", uuid4())
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        query(db, SERVER, "update user_sessions set session_token = 'another' where id = %s", visit(db, "x"))


def test_messages_find_their_place_and_are_counted(db: Db) -> None:
    session = visit(db, "x")
    first, _ = say(db, session, "user", "hello"), say(db, session, "assistant", "hi")
    rows = query(db, SERVER, "select message_type, sequence_order from chat_messages where session_id = %s", session)
    assert [(row["message_type"], row["sequence_order"]) for row in rows] == [("user", 1), ("assistant", 2)]
    assert row_of(db, session)["message_count"] == 2
    query(db, SERVER, "delete from chat_messages where id = %s", first)
    assert row_of(db, session)["message_count"] == 1
    query(db, SERVER, "delete from chat_sessions where id = %s", session)
    assert db.execute("select 1 from visit_messages where session_id = %s", (session,)).fetchone() is None


def test_an_earlier_question_is_found_with_its_answer_in_the_visits_of_the_same_name_only(db: Db) -> None:
    name, other = f"of {uuid4()}", f"of {uuid4()}"
    session = visit(db, name)
    say(db, session, "user", "how far do terns fly?", VECTOR), say(db, session, "assistant", "very far")
    say(db, session, "user", "and geese?", FAR), say(db, visit(db, other), "user", "not hers", VECTOR)
    (result,) = matches(db, SERVER, NOBODY, name, NEAR)
    assert (result["content"], result["answer"]) == ("how far do terns fly?", "very far")
    assert result["similarity"] == pytest.approx(0.8)
    assert matches(db, SERVER, NOBODY, None, VECTOR) == []


def test_nobody_but_the_server_asks_for_questions(db: Db) -> None:
    user_id, email = make_user(db)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        matches(db, Identity("authenticated", user_id, email), user_id, None, VECTOR)


def test_a_visit_in_which_nothing_happens_ended_when_something_last_did(db: Db) -> None:
    """docs/specification/decisions.md#visit-end."""
    idle, busy = visit(db, "idle"), visit(db, "busy")
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute(
            "update user_sessions set started_at = now() - interval '2 h', updated_at = now() - interval '31 min'"
            " where id = %s",
            (idle,),
        )
    (row,) = query(db, SERVER, "select close_idle_visits() as closed")
    assert row["closed"] >= 1
    ended = row_of(db, idle)
    assert 30.9 < (ended["updated_at"] - ended["ended_at"]).total_seconds() / 60 < 32
    assert row_of(db, busy)["ended_at"] is None


def test_people_see_their_own_visits_and_write_none(db: Db) -> None:
    user_id, email = make_user(db)
    ada_ = Identity("authenticated", user_id, email)
    visit(db, "x")
    (started,) = query(db, ada_, "select start_user_session(%s) as result", user_id)
    rows = query(db, ada_, "select id from chat_sessions")
    assert [str(row["id"]) for row in rows] == [started["result"]["session_id"]]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(db, ada_, "insert into chat_sessions (user_identifier) values ('x')")
    query(db, ada_, "delete from chat_sessions")
    assert query(db, SERVER, "select 1 from user_sessions where user_id = %s", user_id) == []


def test_without_pgvector_the_same_is_kept_in_an_array(db: Db) -> None:
    """The fallback, in a transaction that is rolled back."""
    from sterna.server.database.migrations import HERE

    script = (HERE / "18_visits.sql").read_text()
    script = script.replace("create extension if not exists vector", "create extension if not exists of_nowhere")
    with db.transaction(force_rollback=True):
        db.execute("drop schema visits cascade")
        db.execute("drop table visit_messages, message_vectors")
        db.execute("drop function match_visit_messages")
        db.execute("drop extension vector")
        db.execute(script.encode())
        session = db.execute("insert into user_sessions (user_identifier) values ('x') returning id").fetchone()
        assert session is not None
        say = "insert into visit_messages (session_id, message_type, content, embedding) values (%s, 'user', %s, %s)"
        db.execute(say, (session["id"], "near", VECTOR))
        db.execute(say, (session["id"], "far", FAR))
        rows = db.execute("select * from match_visit_messages(%s, 'x', %s::real[])", (NOBODY, NEAR)).fetchall()
        assert [(row["content"], round(row["similarity"], 3)) for row in rows] == [("near", 0.8)]
        with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
            db.execute(say, (session["id"], "short", [1.0]))
