"""DELETE /api/chat/clear-all."""

from __future__ import annotations

import httpx
from accounts import Db, Person

CLEAR = "/api/chat/clear-all"


def fill(db: Db, who: Person, conversations: int, messages: int = 2) -> None:
    db.execute(
        "insert into chat_sessions (user_id, id) select %s, 'c' || n from generate_series(1, %s) as n",
        (who.id, conversations),
    )
    db.execute(
        "insert into chat_messages (user_id, session_id, id, role, content)"
        " select %s, 'c' || n, 'm' || n || '_' || k, 'user', 'hello'"
        " from generate_series(1, %s) as n, generate_series(1, %s) as k",
        (who.id, conversations, messages),
    )


def left(db: Db, who: Person) -> int:
    return sum(
        db.execute(count, (who.id,)).fetchone()["n"]  # type: ignore[index]
        for count in (
            "select count(*) as n from chat_sessions where user_id = %s",
            "select count(*) as n from chat_messages where user_id = %s",
        )
    )


def test_with_nothing_to_clear_it_says_so(ada: Person) -> None:
    answer = ada.http.delete(CLEAR)
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "message": "No conversations to clear", "deletedCount": 0},
    )


def test_three_thousand_conversations_are_cleared_in_one_request(ada: Person, bob: Person, db: Db) -> None:
    fill(db, ada, 3000)
    fill(db, bob, 1)
    answer = ada.http.delete(CLEAR, timeout=120)
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "message": "All conversations cleared successfully", "deletedCount": 3000},
    )
    assert (left(db, ada), left(db, bob)) == (0, 2 + 1)
    assert ada.http.delete(CLEAR).json()["deletedCount"] == 0


def test_one_conversation_is_cleared_too(ada: Person, db: Db) -> None:
    fill(db, ada, 1)
    assert ada.http.delete(CLEAR).json()["deletedCount"] == 1
    assert left(db, ada) == 0


def test_other_devices_are_told_of_each_conversation_and_not_of_its_messages(ada: Person, db: Db) -> None:
    fill(db, ada, 3, messages=2)
    db.execute(
        "insert into session_settings (user_id, session_id, key, value) values (%s, 'c1', 'pinned', 'true')", (ada.id,)
    )
    ada.http.delete(CLEAR)
    rows = db.execute("select kind, id, deleted_at from sync_rows where user_id = %s order by id", (ada.id,)).fetchall()
    assert [(row["kind"], row["id"]) for row in rows] == [("c", "c1"), ("c", "c2"), ("c", "c3")]
    assert all(row["deleted_at"] for row in rows)


def test_what_was_cleared_stays_deleted(ada: Person, db: Db) -> None:
    fill(db, ada, 1)
    ada.http.delete(CLEAR)
    assert ada.http.post("/api/chat/sessions", json={"id": "c1"}).status_code == 409
    assert ada.http.post("/api/chat/sessions", json={"id": "new"}).status_code == 201


def test_use_is_not_taken_back(ada: Person, db: Db) -> None:
    fill(db, ada, 2)
    before = ada.http.get("/api/user/data").json()
    ada.http.delete(CLEAR)
    after = ada.http.get("/api/user/data").json()
    assert after["today"]["messages_sent"] == 4
    assert (after["today"], after["allTime"]) == (before["today"], before["allTime"])


def test_nobody_clears_nothing(http: httpx.Client) -> None:
    answer = http.delete(CLEAR)
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")
