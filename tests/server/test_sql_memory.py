"""Chat memory (003) on PostgreSQL: names, counters, access rights and published queries.

See docs/specification/features.md#chat-memory.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest
from accounts import Db, acting_as, make_user

from sterna.server.identity import SERVER, Identity

AI = {"type": "ai", "data": {"content": "yo"}}


def somebody(db: Db) -> Identity:
    user_id, email = make_user(db)
    return Identity("authenticated", user_id, email)


def query(db: Db, who: Identity, statement: str, *values: Any) -> list[dict[str, Any]]:
    with acting_as(db, who):
        cursor = db.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def begin(db: Db, who: Identity, session_id: str) -> None:
    query(db, who, "insert into chat_sessions (id, user_id, title) values (%s, %s, 'Talk')", session_id, who.user_id)


def say(db: Db, who: Identity, session_id: str, message: Any) -> str:
    (row,) = query(
        db, who, "insert into chat_memory (session_id, message) values (%s, %s) returning id", session_id,
        json.dumps(message),
    )  # fmt: skip
    return str(row["id"])


def person(db: Db, user_id: UUID | None) -> dict[str, Any]:
    row = db.execute("select * from users where id = %s", (user_id,)).fetchone()
    assert row is not None
    return row


@pytest.fixture
def ada_(db: Db) -> Identity:
    return somebody(db)


@pytest.fixture
def bob_(db: Db) -> Identity:
    return somebody(db)


def test_the_names_of_the_chat_memory_are_there_and_its_second_counter_is_attached_to_nothing(db: Db) -> None:
    """docs/specification/vectors.md#vector-20."""
    functions = {row["proname"] for row in db.execute("select proname from pg_proc").fetchall()}
    assert functions >= {
        "update_user_conversations", "update_user_stats_on_session", "update_chat_sessions_timestamp",
        "update_user_timestamp", "update_user_message_count", "update_user_search_count", "get_user_chat_history",
        "get_user_stats",
    }  # fmt: skip
    triggers = {row["tgname"] for row in db.execute("select tgname from pg_trigger").fetchall()}
    assert triggers >= {
        "on_chat_session_created", "trigger_update_chat_sessions_timestamp", "update_users_timestamp",
        "on_chat_message_created", "on_search_session_created",
    }  # fmt: skip
    assert "trigger_update_user_conversations" not in triggers
    indexes = {row["indexname"] for row in db.execute("select indexname from pg_indexes").fetchall()}
    assert indexes >= {"users_clerk_id_idx", "idx_chat_sessions_user_id", "idx_chat_memory_session_id"}


def test_a_person_sees_one_row_of_users_and_changes_it(db: Db, ada_: Identity, bob_: Identity) -> None:
    """docs/specification/vectors.md#vector-18; the published restrictive policy would have shown none."""
    assert [row["id"] for row in query(db, ada_, "select * from users")] == [ada_.user_id]
    assert query(db, ada_, "select id from users where id = %s", bob_.user_id) == []
    query(db, ada_, "update users set avatar_url = 'https://example.org/a.png' where clerk_id = auth.uid()::text")
    assert person(db, ada_.user_id)["avatar_url"] == "https://example.org/a.png"
    assert person(db, bob_.user_id)["avatar_url"] is None


@pytest.mark.parametrize("column", ["subscription_tier = 'pro'", "total_searches = 9", "clerk_id = 'user_2abc'"])
def test_a_person_gives_themselves_nothing_through_the_view_either(db: Db, ada_: Identity, column: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(db, ada_, f"update users set {column}")


def test_the_server_makes_and_removes_users_and_nobody_else_does(db: Db, ada_: Identity) -> None:
    statement = "insert into users (email, clerk_id, subscription_tier) values (%s, %s, 'pro') returning id, clerk_id"
    address, name = "made-through-users@example.org", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(db, ada_, statement, address, name)
    (row,) = query(db, SERVER, statement, address, name)
    assert row["clerk_id"] == name
    made = person(db, row["id"])
    assert (made["email"], made["subscription_tier"], made["subscription_status"]) == (address, "pro", "active")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(db, ada_, "delete from users")
    query(db, SERVER, "delete from users where id = %s", row["id"])
    assert db.execute("select 1 from auth.users where id = %s", (row["id"],)).fetchone() is None


def test_a_clerk_name_is_a_subject_like_another(db: Db, ada_: Identity) -> None:
    """The published auth.uid()::text raised for it: docs/specification/schema.md#deviation-clerk-ids."""
    db.execute("update profiles set clerk_id = 'user_of_clerk' where id = %s", (ada_.user_id,))
    try:
        with db.transaction():
            db.execute(
                "select set_config('role', 'authenticated', true),"
                " set_config('request.jwt.claims', '{\"sub\": \"user_of_clerk\"}', true)"
            )
            assert [row["id"] for row in db.execute("select id from users").fetchall()] == [ada_.user_id]
            assert db.execute("select auth.uid() as id").fetchone() == {"id": None}
    finally:
        db.execute("update profiles set clerk_id = id::text where id = %s", (ada_.user_id,))


def test_a_message_reads_back_as_it_was_written(db: Db, ada_: Identity, bob_: Identity) -> None:
    """docs/specification/vectors.md#vector-18."""
    begin(db, ada_, "mem-1")
    key = say(db, ada_, "mem-1", AI)
    (row,) = query(db, ada_, "select session_id, message from chat_memory where id = %s", key)
    assert row == {"session_id": "mem-1", "message": AI}
    (row,) = query(db, ada_, "select role, content from chat_messages where id = %s", key)
    assert row == {"role": "assistant", "content": "yo"}
    assert query(db, bob_, "select * from chat_memory where id = %s", key) == []
    with pytest.raises(psycopg.Error) as refused:
        say(db, bob_, "mem-1", AI)
    assert refused.value.sqlstate in ("23503", "42501")


@pytest.mark.parametrize(
    ("message", "role", "content", "model"),
    [
        ({"role": "assistant", "content": "hi", "model": "g/m"}, "assistant", "hi", "g/m"),
        ({"type": "human", "content": "hi"}, "user", "hi", None),
        ({"type": "system", "text": "be kind"}, "system", "be kind", None),
        ({"role": "tool", "type": "ai", "content": "x"}, "assistant", "x", None),
        ({"content": ["parts"], "text": "told"}, "user", "told", None),
        ({"model": "m" * 101, "content": ""}, "user", "", None),
        ("only text", "user", '"only text"', None),
    ],
)
def test_what_a_message_of_any_form_is_here(
    db: Db, ada_: Identity, message: Any, role: str, content: str, model: str | None
) -> None:
    """docs/specification/schema.md#view-chat-memory."""
    begin(db, ada_, "mem-2")
    key = say(db, ada_, "mem-2", message)
    (row,) = query(db, ada_, "select role, content, model from chat_messages where id = %s", key)
    assert row == {"role": role, "content": content, "model": model}


def test_a_message_made_elsewhere_has_a_form_too_and_can_be_changed_and_deleted_through_the_view(
    db: Db, ada_: Identity
) -> None:
    begin(db, ada_, "mem-3")
    query(db, ada_, "insert into chat_messages (id, session_id, role, content) values ('m1', 'mem-3', 'user', 'hello')")
    (row,) = query(db, ada_, "select message from chat_memory where id = 'm1'")
    assert row["message"] == {"id": "m1", "role": "user", "content": "hello", "model": None}
    query(db, ada_, "update chat_memory set message = %s where id = 'm1'", json.dumps(AI))
    (row,) = query(db, ada_, "select role, content, raw_message from chat_messages where id = 'm1'")
    assert row == {"role": "assistant", "content": "yo", "raw_message": AI}
    query(db, ada_, "delete from chat_memory where id = 'm1'")
    assert query(db, ada_, "select * from chat_messages where id = 'm1'") == []
    with pytest.raises(psycopg.errors.NotNullViolation):
        query(db, ada_, "insert into chat_memory (session_id, message) values ('mem-3', null)")


def test_counters_count_once_and_stay_when_things_go(db: Db, ada_: Identity) -> None:
    """The published triggers count a conversation twice; they take nothing away on a delete, and neither do these.

    See docs/specification/features.md#chat-memory.
    """
    begin(db, ada_, "mem-4")
    say(db, ada_, "mem-4", AI)
    query(
        db, ada_, "insert into search_sessions (user_id, filters, results, results_count, status)"
        " values (%s, '{}', '[]', 0, 'no_results')", ada_.user_id,
    )  # fmt: skip
    made = person(db, ada_.user_id)
    assert (made["total_conversations"], made["message_count"], made["total_searches"]) == (1, 1, 1)
    assert made["last_session_id"] == "mem-4"
    query(db, ada_, "delete from chat_sessions where id = 'mem-4'")
    made = person(db, ada_.user_id)
    assert (made["total_conversations"], made["message_count"], made["last_session_id"]) == (1, 1, None)


@pytest.mark.parametrize("status", ["running", ""])
def test_a_search_ends_in_one_of_three_ways(db: Db, ada_: Identity, status: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        query(
            db, ada_, "insert into search_sessions (filters, results, results_count, status)"
            " values ('{}', '[]', 0, %s)", status,
        )  # fmt: skip


def test_searches_are_read_and_added_by_their_owner_and_changed_by_nobody(
    db: Db, ada_: Identity, bob_: Identity
) -> None:
    add = "insert into search_sessions (user_id, filters, results, results_count, status) values (%s, %s, '[]', 0, %s)"
    query(db, ada_, add, ada_.user_id, '{"query": "terns"}', "no_results")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(db, bob_, add, ada_.user_id, "{}", "completed")
    assert query(db, bob_, "select * from search_sessions where user_id = %s", ada_.user_id) == []
    (row,) = query(db, ada_, "select filters, status from search_sessions")
    assert row == {"filters": {"query": "terns"}, "status": "no_results"}
    for statement in ("update search_sessions set status = 'failed'", "delete from search_sessions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(db, ada_, statement)


def test_a_person_takes_their_searches_along(db: Db, ada_: Identity) -> None:
    """The export has the newer tables too: docs/specification/functions.md#export-user-data."""
    query(
        db, ada_, "insert into search_sessions (filters, results, results_count, status)"
        " values (%s, '[]', 0, 'completed')", '{"query": "terns"}',
    )  # fmt: skip
    (row,) = query(db, ada_, "select export_user_data(%s) as result", ada_.user_id)
    assert [search["filters"] for search in row["result"]["searches"]] == [{"query": "terns"}]


def test_a_change_moves_the_time_of_a_user_and_of_a_conversation(db: Db, ada_: Identity) -> None:
    begin(db, ada_, "mem-5")
    query(db, ada_, "update chat_sessions set title = 'Other', updated_at = '2001-01-01' where id = 'mem-5'")
    query(db, ada_, "update users set avatar_url = 'x', updated_at = '2001-01-01'")
    rows = db.execute(
        "select (select updated_at from users where id = %s) as a, (select updated_at from chat_sessions where id"
        " = 'mem-5' and user_id = %s) as b",
        (ada_.user_id, ada_.user_id),
    ).fetchone()
    assert rows is not None
    assert min(rows["a"].year, rows["b"].year) > 2020


def test_the_history_of_a_person_is_told_to_them_and_the_server_alone(db: Db, ada_: Identity, bob_: Identity) -> None:
    """With the published functions anon could read anybody's: docs/specification/schema.md#deviation-caller-check."""
    for number in (1, 2):
        begin(db, ada_, f"mem-h{number}")
        say(db, ada_, f"mem-h{number}", {"role": "user", "content": f"word {number}"})
    name = str(ada_.user_id)
    for who in (ada_, SERVER):
        rows = query(db, who, "select * from get_user_chat_history(%s)", name)
        assert [(row["session_id"], row["last_message"]["content"]) for row in rows] == [
            ("mem-h2", "word 2"),
            ("mem-h1", "word 1"),
        ]
        (row,) = query(db, who, "select * from get_user_stats(%s)", name)
        assert row == {
            "total_conversations": 2, "total_searches": 0, "message_count": 2, "token_usage": 0,
            "subscription_tier": "free", "subscription_status": "active",
        }  # fmt: skip
    for who in (bob_, Identity("anon")):
        for function in ("get_user_chat_history", "get_user_stats"):
            for other in (name, "nobody"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    query(db, who, f"select * from {function}(%s)", other)


def test_the_published_examples_run_as_they_stand(db: Db, ada_: Identity) -> None:
    begin(db, ada_, "mem-q1")
    begin(db, ada_, "mem-q2")
    say(db, ada_, "mem-q2", {"type": "human", "content": "first"})
    say(db, ada_, "mem-q2", AI)
    name = str(ada_.user_id)
    rows = query(
        db, ada_, "SELECT id, title, created_at, updated_at FROM public.chat_sessions WHERE user_id = %s"
        " ORDER BY created_at DESC;", name,
    )  # fmt: skip
    assert [row["id"] for row in rows] == ["mem-q2", "mem-q1"]
    rows = query(
        db, ada_, "SELECT id, message, created_at FROM public.chat_memory WHERE session_id = %s"
        " ORDER BY created_at ASC;", "mem-q2",
    )  # fmt: skip
    assert [row["message"] for row in rows] == [{"type": "human", "content": "first"}, AI]
    (row,) = query(
        db, ada_, "SELECT s.id, s.title, s.created_at, s.updated_at FROM public.chat_sessions s"
        " JOIN public.users u ON s.id = u.last_session_id WHERE u.id = %s;", name,
    )  # fmt: skip
    assert row["id"] == "mem-q2"
    rows = query(
        db, SERVER, "SELECT id, email, total_conversations FROM public.users ORDER BY total_conversations DESC;"
    )
    counts = [row["total_conversations"] for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert ada_.user_id in {row["id"] for row in rows}
