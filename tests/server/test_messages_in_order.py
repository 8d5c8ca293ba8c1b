"""Messages of an array are returned in its order, whatever their times and ids, for every way to write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from accounts import Db, Person, acting_as
from psycopg.types.json import Jsonb

from sterna.server.identity import Identity

T, U = "2026-03-01T10:00:00.000Z", "2026-03-01T10:05:00.000Z"
ARRAYS: dict[str, list[str | None]] = {
    "without times": [None] * 5,
    "one time": [T] * 5,
    "no time in the middle": [T, None, None, U, U],
    "no time at first": [None, T, None, U, None],
}
IDS = ["m5", "m1", "m4", "m2", "m3"]


def conversation(times: list[str | None]) -> dict[str, Any]:
    messages = [
        {"id": name, "role": "user", "content": "terns"} | ({"timestamp": at} if at else {})
        for name, at in zip(IDS, times, strict=True)
    ]
    return {"id": "c", "title": "Terns", "messages": messages}


def by_sync(who: Person, sent: dict[str, Any], _: Db) -> None:
    answer = who.http.post("/api/chat/sync", json={"conversations": [sent]}).json()
    assert answer["results"]["synced"] == 1, answer


def by_messages(who: Person, sent: dict[str, Any], _: Db) -> None:
    answer = who.http.post("/api/chat/messages", json={"sessionId": sent["id"], "messages": sent["messages"]})
    assert answer.status_code == 201, answer.text
    assert [message["id"] for message in answer.json()["messages"]] == [message["id"] for message in sent["messages"]]


def by_function(who: Person, sent: dict[str, Any], db: Db) -> None:
    with acting_as(db, Identity("authenticated", who.id, "")):
        row = db.execute("select sync_user_conversations(%s, %s) as result", (who.id, Jsonb([sent]))).fetchone()
    assert row is not None
    assert row["result"]["synced"] == 1, row


def read(who: Person, db: Db) -> dict[str, list[str]]:
    """Return the ids in the order of each endpoint."""
    messages = who.http.get("/api/chat/messages", params={"session_id": "c"}).json()["messages"]
    (listed,) = who.http.get("/api/chat/sync", params={"summary_only": "false"}).json()["conversations"]
    with acting_as(db, Identity("authenticated", who.id, "")):
        called = db.execute("select message_id from get_session_with_messages('c', %s)", (who.id,)).fetchall()
    return {
        "messages": [message["id"] for message in messages],
        "sync": [message["id"] for message in listed["messages"]],
        "function": [item["message_id"] for item in called],
    }


@pytest.mark.parametrize("push", [by_sync, by_messages, by_function])
@pytest.mark.parametrize("times", ARRAYS.values(), ids=ARRAYS)
def test_the_order_of_the_array_is_kept(
    ada: Person, db: Db, push: Callable[[Person, dict[str, Any], Db], None], times: list[str | None]
) -> None:
    expected = dict.fromkeys(("messages", "sync", "function"), IDS)
    sent = conversation(times)
    push(ada, sent, db)
    assert read(ada, db) == expected
    push(ada, sent, db)
    push(ada, sent | {"messages": sent["messages"][2:3]}, db)
    assert read(ada, db) == expected
    messages = ada.http.get("/api/chat/messages", params={"session_id": "c"}).json()["messages"]
    back = [{name: message[name] for name in ("id", "role", "content")} for message in messages]
    # as a client sends them back whose clock knows milliseconds only
    back = [item | {"timestamp": item["timestamp"][:23] + "Z"} for item, item in zip(back, messages, strict=True)]
    push(ada, sent | {"messages": back}, db)
    assert read(ada, db) == expected
