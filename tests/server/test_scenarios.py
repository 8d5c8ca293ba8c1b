"""The scenarios of the users and chat schema (001), and the rows they leave behind.

See docs/specification/triggers.md#scenarios.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from accounts import Db, Person

Row = dict[str, Any]
WORD = "correct horse battery"
AT = "2025-07-24T16:14:{:02}.378Z"
ASKED: Row = {"id": "q", "role": "user", "content": "Which one?", "timestamp": AT.format(11), "input_tokens": 31}
ANSWERED: Row = {
    "id": "a",
    "role": "assistant",
    "content": "Use a heap.",
    "timestamp": AT.format(13),
    "model": "acme/small",
    "input_tokens": 31,
    "output_tokens": 5,
    "total_tokens": 36,
    "elapsed_ms": 1830,
    "user_message_id": "q",
}


def log(db: Db, who: UUID | str) -> list[tuple[str, Row]]:
    rows = db.execute(
        "select action, details from user_activity_log where user_id = %s order by timestamp, action", (who,)
    )
    return [(row["action"], row["details"]) for row in rows.fetchall()]


def profile(db: Db, who: UUID | str) -> Row:
    row = db.execute("select * from profiles where id = %s", (who,)).fetchone()
    assert row is not None
    return row


def usage(db: Db, who: Person) -> list[Row]:
    return db.execute(
        """
        select messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
            sessions_created, generation_ms, active_minutes
        from user_usage_daily
        where user_id = %s and usage_date = current_date
        """,
        (who.id,),
    ).fetchall()


def totals(db: Db, who: Person) -> tuple[Any, ...]:
    """Return the counters of all time: messages, tokens and conversations."""
    stats = profile(db, who.id)["usage_stats"]
    return stats["total_messages"], stats["total_tokens"], stats["sessions_created"]


def conversation(who: Person, session_id: str = "c") -> Row:
    row: Row = who.http.get("/api/chat/session", params={"id": session_id}).json()["session"]
    return row


def counted(session: Row) -> tuple[Any, ...]:
    return tuple(session[name] for name in ("message_count", "total_tokens", "last_model", "last_message_preview"))


def moments(session: Row) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(session["updated_at"]), datetime.fromisoformat(session["last_activity"])


def left(db: Db, who: Person) -> dict[str, int]:
    """Return the number of conversations."""
    values = {}
    for table in ("chat_sessions", "chat_messages", "session_counts"):
        row = db.execute(f"select count(*) as n from {table} where user_id = %s".encode(), (who.id,)).fetchone()
        values[table] = row["n"] if row else -1
    return values


def say(who: Person, session_id: str = "c", **more: Any) -> httpx.Response:
    answer = who.http.post("/api/chat/messages", json={"sessionId": session_id, "messages": [ASKED, ANSWERED]} | more)
    assert answer.status_code == 201, answer.text
    return answer


@pytest.fixture
def talked(ada: Person) -> Person:
    """Ada, after one question and its answer in conversation c."""
    say(ada)
    return ada


def sign_up(http: httpx.Client, **metadata: Any) -> Row:
    email = f"{uuid4().hex[:12]}@example.org"
    answer = http.post("/auth/v1/signup", json={"email": email, "password": WORD, "data": metadata})
    assert answer.status_code == 200, answer.text
    user: Row = answer.json()["user"]
    return user


def sign_in(http: httpx.Client, email: str) -> None:
    answer = http.post("/auth/v1/token?grant_type=password", json={"email": email, "password": WORD})
    assert answer.status_code == 200, answer.text


def test_a_first_sign_in_makes_a_profile_with_its_statistics_and_tells_the_log(db: Db, http: httpx.Client) -> None:
    """docs/specification/vectors.md#vector-1."""
    user = sign_up(http, name="Al", avatar_url="https://example.org/al.png")
    made = profile(db, user["id"])
    assert (made["email"], made["full_name"], made["avatar_url"]) == (
        user["email"],
        "Al",
        "https://example.org/al.png",
    )
    assert (made["subscription_tier"], made["credits"]) == ("free", 0)
    stats = dict(made["usage_stats"])
    assert datetime.fromisoformat(stats.pop("last_reset"))
    assert stats == {"total_messages": 0, "total_tokens": 0, "sessions_created": 0}
    created = [item for item in log(db, user["id"]) if item[0] == "profile_created"]
    assert created == [("profile_created", {"sync_source": "google_oauth", "created_from_oauth": True})]
    row = db.execute(
        "select resource_type, resource_id from user_activity_log where user_id = %s and action = 'profile_created'",
        (user["id"],),
    ).fetchone()
    assert row == {"resource_type": "profile", "resource_id": user["id"]}


def test_without_a_name_the_first_sign_in_takes_it_from_the_address(db: Db, http: httpx.Client) -> None:
    """docs/specification/vectors.md#vector-1."""
    user = sign_up(http)
    assert profile(db, user["id"])["full_name"] == user["email"].partition("@")[0]


def test_a_returning_sign_in_freshens_the_profile_and_is_logged_once_a_minute(db: Db, http: httpx.Client) -> None:
    """docs/specification/vectors.md#vector-2."""
    user = sign_up(http, name="Al")
    db.execute("delete from user_activity_log where user_id = %s", (user["id"],))
    before = profile(db, user["id"])
    for _ in range(2):
        sign_in(http, user["email"])
    after = profile(db, user["id"])
    assert after["last_active"] > before["last_active"]
    assert after["updated_at"] > before["updated_at"]
    assert (after["full_name"], after["usage_stats"]) == ("Al", before["usage_stats"])
    assert [(action, value["email_updated"]) for action, value in log(db, user["id"])] == [("profile_synced", False)]
    db.execute("update auth.users set email = %s where id = %s", (f"new.{user['email']}", user["id"]))
    assert [value["email_updated"] for _, value in log(db, user["id"])] == [False, True]
    assert profile(db, user["id"])["email"] == f"new.{user['email']}"


def test_sending_and_receiving_counts_the_conversation_the_day_and_the_person(db: Db, ada: Person) -> None:
    before = profile(db, ada.id)
    logged = log(db, ada.id)
    body = say(ada).json()
    assert ([row["id"] for row in body["messages"]], body["count"], body["success"]) == (["q", "a"], 2, True)
    session = conversation(ada)
    assert session["title"] == "Which one?"
    assert counted(session) == (2, 36, "acme/small", "Use a heap.")
    assert datetime.fromisoformat(session["last_message_timestamp"]) == datetime.fromisoformat(AT.format(13))
    assert moments(session)[0] == moments(session)[1] > before["updated_at"]
    assert usage(db, ada) == [
        {
            "messages_sent": 1,
            "messages_received": 1,
            "input_tokens": 31,
            "output_tokens": 5,
            "total_tokens": 36,
            "models_used": {"acme/small": 1},
            "sessions_created": 1,
            "generation_ms": 1830,
            "active_minutes": 1,
        }
    ]
    assert totals(db, ada) == (2, 36, 1)
    after = profile(db, ada.id)
    assert after["last_active"] > before["last_active"]
    assert (after["message_count"], after["token_usage"], after["total_conversations"]) == (2, 36, 1)
    assert after["last_session_id"] == "c"
    assert log(db, ada.id) == logged


def test_a_question_that_is_answered_later_counts_each_when_it_comes(db: Db, ada: Person) -> None:
    assert ada.http.post("/api/chat/sessions", json={"id": "c"}).status_code == 201
    assert (usage(db, ada)[0]["sessions_created"], usage(db, ada)[0]["messages_sent"]) == (1, 0)
    for message in (ASKED, ANSWERED, ANSWERED):
        answer = ada.http.post("/api/chat/messages", json={"sessionId": "c", "message": message})
        assert answer.status_code == 201
    (day,) = usage(db, ada)
    assert (day["sessions_created"], day["messages_sent"], day["messages_received"]) == (1, 1, 1)
    assert (day["models_used"], day["total_tokens"]) == ({"acme/small": 1}, 36)
    assert totals(db, ada) == (2, 36, 1)


@pytest.mark.parametrize("way", ["session", "sessions", "sync"])
def test_a_new_title_moves_both_times_and_counts_nothing(db: Db, talked: Person, way: str) -> None:
    before, used, logged = conversation(talked), usage(db, talked), log(db, talked.id)
    if way == "sync":
        sent = {"id": "c", "title": "Heaps", "messageCount": 2, "totalTokens": 36}
        answer = talked.http.post("/api/chat/sync", json={"conversations": [sent]})
    elif way == "session":
        answer = talked.http.post("/api/chat/session", json={"id": "c", "title": "Heaps"})
    else:
        answer = talked.http.patch("/api/chat/sessions", json={"id": "c", "title": "Heaps"})
    assert answer.status_code == 200
    after = conversation(talked)
    assert after["title"] == "Heaps"
    assert moments(after)[0] == moments(after)[1] > moments(before)[0]
    assert after["created_at"] == before["created_at"]
    assert counted(after) == counted(before)
    assert usage(db, talked) == used
    assert totals(db, talked) == (2, 36, 1)
    assert log(db, talked.id) == logged


def test_deleting_one_conversation_leaves_the_others_the_use_and_the_log(db: Db, talked: Person) -> None:
    other = {"id": "d", "messages": [ASKED | {"id": "q2"}]}
    talked.http.post("/api/chat/sync", json={"conversations": [other]})
    stored, used, logged = conversation(talked, "d"), usage(db, talked), log(db, talked.id)
    answer = talked.http.delete("/api/chat/sessions", params={"id": "c"})
    assert answer.json() == {"success": True, "message": "Session deleted successfully"}
    assert talked.http.get("/api/chat/session", params={"id": "c"}).status_code == 404
    assert conversation(talked, "d") == stored
    assert left(db, talked) == {"chat_sessions": 1, "chat_messages": 1, "session_counts": 1}
    assert usage(db, talked) == used
    assert totals(db, talked) == (3, 67, 2)
    assert log(db, talked.id) == logged
    dead = db.execute("select kind, id from deleted_items where user_id = %s order by 1, 2", (talked.id,)).fetchall()
    assert {"kind": "session", "id": "c"} in dead


def test_clearing_deletes_all_conversations_and_leaves_the_use_and_the_log(db: Db, talked: Person, bob: Person) -> None:
    say(bob)
    talked.http.post("/api/chat/sync", json={"conversations": [{"id": "d"}, {"id": "e"}]})
    used, logged = usage(db, talked), log(db, talked.id)
    answer = talked.http.delete("/api/chat/clear-all")
    assert answer.json() == {"success": True, "message": "All conversations cleared successfully", "deletedCount": 3}
    assert left(db, talked) == {"chat_sessions": 0, "chat_messages": 0, "session_counts": 0}
    assert usage(db, talked) == used
    assert totals(db, talked) == (2, 36, 3)
    assert profile(db, talked.id)["last_session_id"] is None
    assert log(db, talked.id) == logged
    again = talked.http.delete("/api/chat/clear-all").json()
    assert again == {"success": True, "message": "No conversations to clear", "deletedCount": 0}
    assert left(db, bob)["chat_messages"] == 2


def test_a_bulk_sync_makes_and_grows_conversations_and_counts_each_row_once(db: Db, talked: Person) -> None:
    before, logged = conversation(talked), log(db, talked.id)
    later = [
        ASKED | {"id": "q2", "content": "And then?", "timestamp": AT.format(20)},
        ANSWERED | {"id": "a2", "content": "Pop it.", "timestamp": AT.format(21), "model": "acme/large"},
    ]
    new = {"id": "d", "title": "Elsewhere", "createdAt": AT.format(1), "messages": [ASKED | {"id": "q3"}]}
    batch = {"conversations": [{"id": "c", "messages": [ASKED, ANSWERED, *later]}, new, {"id": "e"}]}
    for _ in range(2):
        answer = talked.http.post("/api/chat/sync", json=batch)
        assert answer.json()["results"]["synced"] == 3
    grown = conversation(talked)
    assert counted(grown) == (4, 72, "acme/large", "Pop it.")
    assert moments(grown)[0] == moments(grown)[1] > moments(before)[0]
    assert grown["title"] == before["title"]
    made = conversation(talked, "d")
    assert (made["title"], counted(made)) == ("Elsewhere", (1, 0, None, "Which one?"))
    assert datetime.fromisoformat(made["created_at"]) == datetime.fromisoformat(AT.format(1))
    (day,) = usage(db, talked)
    assert (day["messages_sent"], day["messages_received"], day["sessions_created"]) == (3, 2, 3)
    assert (day["input_tokens"], day["output_tokens"], day["total_tokens"]) == (93, 10, 103)
    assert (day["models_used"], day["generation_ms"]) == ({"acme/small": 1, "acme/large": 1}, 3660)
    assert totals(db, talked) == (5, 103, 3)
    assert log(db, talked.id) == logged
