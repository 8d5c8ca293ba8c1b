"""Conversations written with plain SQL: access rights of rows and functions."""

from __future__ import annotations

import json

import psycopg
import pytest
from accounts import Db, Person, acting_as
from conversations_by_sql import conversation, insert_example

from sterna.server.identity import NOBODY, Identity


def test_the_same_id_is_another_row_for_another_person_and_says_nothing(db: Db, ada: Person, bob: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
    with acting_as(db, bob.identity):
        insert_example(db, bob.id)
        assert db.execute("select distinct user_id from chat_messages").fetchall() == [{"user_id": bob.id}]
        for table in ("chat_messages", "chat_sessions", "session_settings"):
            assert db.execute(f"delete from {table} where user_id = %s".encode(), (ada.id,)).rowcount == 0
        assert db.execute("update chat_sessions set title = 'mine' where user_id = %s", (ada.id,)).rowcount == 0
    assert conversation(db, ada.id)["message_count"] == 4


@pytest.mark.parametrize(
    "statement",
    [
        "insert into chat_sessions (id, user_id) values ('s9', %(other)s)",
        "insert into chat_sessions (id, user_id, title) values ('s1', %(other)s, 'x')"
        " on conflict (user_id, id) do update set title = excluded.title",
        "insert into chat_messages (id, user_id, session_id, role, content) values ('m9', %(other)s, 's1', 'user', '')",
        "update chat_sessions set user_id = %(other)s where id = 'mine'",
        "insert into session_counts (user_id, session_id, messages, tokens) values (%(own)s, 'mine', 9, 9)",
        "insert into sync_rows (user_id, kind, id, session_id, seq, created_seq) values (%(own)s, 'c', 'z', 'z', 9, 9)",
        "update sync_head set seq = 0",
        "select sync_applying(true)",
        "insert into sterna.applying select pg_current_xact_id()",
        "select sync_lock(%(other)s)",
        "select get_user_recent_sessions(%(other)s)",
        "select get_session_with_messages('s1', %(other)s)",
        "select sync_user_conversations(%(other)s, '[]')",
        "select refresh_session_stats(array[%(own)s]::uuid[], array['mine'], array[9]::bigint[], array[9]::bigint[])",
    ],
)
def test_what_is_not_ones_own_is_refused(db: Db, ada: Person, bob: Person, statement: str) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
    with acting_as(db, bob.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('mine', %s)", (bob.id,))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, bob.identity):
        db.execute(statement.encode(), {"other": ada.id, "own": bob.id})


def test_a_message_without_an_owner_is_the_callers_or_of_the_one_who_has_the_conversation(
    db: Db, ada: Person, bob: Person
) -> None:
    insert = "insert into chat_messages (id, session_id, role, content) values (%s, %s, 'user', '')"
    only = f"only_{ada.id}"
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values (%s, %s), ('both', %s)", (only, ada.id, ada.id))
        db.execute(insert, ("m1", "both"))
    with acting_as(db, bob.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('both', %s)", (bob.id,))
    service = Identity("service_role")
    with acting_as(db, service):
        db.execute(insert, ("m2", only))
    for session in ("both", "nowhere"):
        with pytest.raises(psycopg.errors.NotNullViolation), acting_as(db, service):
            db.execute(insert, ("m3", session))
    rows = db.execute("select id from chat_messages where user_id = %s order by id", (ada.id,)).fetchall()
    assert [row["id"] for row in rows] == ["m1", "m2"]


def test_somebody_who_is_not_signed_in_sees_and_does_nothing(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
    for statement in (
        "select * from chat_sessions",
        "select * from deleted_items",
        "select sync_lock()",
        "select get_user_recent_sessions(null)",
        "select sync_user_conversations(null, '[]')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, NOBODY):
            db.execute(statement.encode())


def test_the_published_functions_answer_about_the_caller(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        db.execute("insert into chat_sessions (id, user_id) values ('empty', %s)", (ada.id,))
        recent = "select id from get_user_recent_sessions(%s, %s)"
        assert len(db.execute(recent, (ada.id, None)).fetchall()) == 2
        assert len(db.execute(recent, (ada.id, 1)).fetchall()) == 1
        assert db.execute(recent, (ada.id, -1)).fetchall() == []
        read = "select * from get_session_with_messages(%s, %s)"
        rows = db.execute(read, ("s1", ada.id)).fetchall()
        assert [row["message_id"] for row in rows] == ["m3", "m1", "m2", "m4"]
        assert (rows[2]["message_tokens"], rows[2]["session_id"]) == (40, "s1")
        [empty] = db.execute(read, ("empty", ada.id)).fetchall()
        assert empty["message_id"] is None
    refused = pytest.raises(psycopg.errors.RaiseException, match="Session not found or access denied")
    with refused, acting_as(db, ada.identity):
        db.execute("select * from get_session_with_messages('elsewhere', %s)", (ada.id,))


def test_a_batch_of_conversations_is_kept_one_by_one(db: Db, ada: Person) -> None:
    batch = [
        {
            "id": "k1",
            "title": "first",
            "createdAt": "2020-01-01T00:00:00Z",
            "messages": [
                {"id": "a", "role": "user", "content": "once", "timestamp": "2020-01-01T00:00:00Z"},
                {"id": "b", "role": "assistant", "content": "", "error": True, "timestamp": "2020-01-01T00:00:01Z"},
                {"id": "a", "role": "user", "content": "twice", "timestamp": "2020-01-01T00:00:00Z"},
            ],
        },
        {"id": "k2", "title": "x" * 256},
        {"id": "k3", "messages": [{"id": "c", "role": "robot", "content": ""}]},
        {"id": "gone"},
        {"title": "no id"},
    ]
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('gone', %s)", (ada.id,))
        db.execute("delete from chat_sessions where id = 'gone'")
        sync = "select sync_user_conversations(%s, %s) as answer"
        answer = (db.execute(sync, (ada.id, json.dumps(batch))).fetchone() or {})["answer"]
    assert answer == {
        "synced": 1,
        "errors": 4,
        "details": [
            {"conversationId": "k2", "error": "title_too_long"},
            {"conversationId": "k3", "error": "invalid_conversation"},
            {"conversationId": "gone", "error": "conversation_deleted"},
            {"conversationId": None, "error": "invalid_conversation"},
        ],
    }
    stored = conversation(db, ada.id, "k1")
    assert (stored["created_at"].year, stored["message_count"], stored["last_message_preview"]) == (2020, 1, "twice")
    row = db.execute("select error_message from chat_messages where user_id = %s and id = 'b'", (ada.id,)).fetchone()
    assert row == {"error_message": "Message failed"}
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where id = 'a'")
        db.execute(sync, (ada.id, json.dumps(batch[:1])))
        assert db.execute("select 1 from chat_messages where id = 'a'").fetchall() == []
