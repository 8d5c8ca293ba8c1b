"""Requests with many items: limits, and linear cost."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from accounts import Db, Person, acting_as
from devices import Device

from sterna.server.routes import sync_delta
from sterna.server.routes.sync import MAX_ITEMS

BATCH = "select sync_user_conversations(%s, %s) as answer"
COUNTERS = """
select coalesce(sum(n_tup_upd), 0)::integer as n from pg_stat_xact_user_tables
where relname in ('profiles', 'sync_head', 'user_usage_daily', 'system_stats')
"""


def conversation(number: int, **more: Any) -> dict[str, Any]:
    message = {"id": f"m{number}", "role": "user", "content": f"text {number}"}
    return {"id": f"c{number}", "title": f"title {number}", "messages": [message]} | more


def sync(db: Db, who: Person, batch: Any) -> dict[str, Any]:
    row = db.execute(BATCH, (who.id, json.dumps(batch))).fetchone()
    assert row is not None
    return dict(row["answer"])


def updates(db: Db) -> int:
    row = db.execute(COUNTERS).fetchone()
    assert row is not None
    return int(row["n"])


def test_counters_are_written_once_for_a_batch(db: Db, ada: Person, bob: Person) -> None:
    written = []
    for who, count in ((ada, 2), (bob, 200)):
        before = updates(db)
        with acting_as(db, who.identity):
            assert sync(db, who, [conversation(n) for n in range(count)])["synced"] == count
            db.execute("reset role")
            written.append(updates(db) - before)
    assert written[0] == written[1]


def test_what_fails_in_a_batch_stops_no_other_whatever_it_fails_at(db: Db, ada: Person) -> None:
    faults: list[Any] = [
        conversation(1, createdAt="never"),
        conversation(2, messageCount="many"),
        conversation(3, totalTokens=2**64),
        conversation(4, lastModel="x" * 101),
        conversation(5, lastMessageTimestamp="x"),
        *(
            conversation(6 + n, messages=[{"id": f"f{n}", "role": "user", "content": ""} | bad])
            for n, bad in enumerate(
                (
                    {"id": None},
                    {"role": None},
                    {"role": "robot"},
                    {"content": None},
                    {"model": "x" * 101},
                    {"total_tokens": -1},
                    {"input_tokens": 2**63},
                    {"output_tokens": "x"},
                    {"timestamp": "x"},
                    {"content": "forbidden by a constraint that the function knows nothing of"},
                )
            )
        ),
        1, "x", None, [], {}, {"id": ""}, {"id": [1]},
    ]  # fmt: skip
    good = [conversation(n) for n in range(100, 110)]
    batch = [item for pair in zip(faults, good * 3, strict=False) for item in pair]
    with db.transaction():
        db.execute("alter table chat_messages add constraint odd check (content not like 'forbidden%') not valid")
        with acting_as(db, ada.identity):
            answer = sync(db, ada, batch)
            held = {row["id"] for row in db.execute("select id from chat_sessions").fetchall()}
            assert held == {item["id"] for item in good} | {"[1]"}
        raise psycopg.Rollback
    assert answer["synced"] + answer["errors"] == len(batch)
    assert {detail["error"] for detail in answer["details"]} == {"invalid_conversation"}
    assert answer["errors"] == len(faults) - 1


def test_of_what_is_there_twice_the_last_counts(db: Db, ada: Person) -> None:
    result = {"id": "m", "role": "user", "content": "first"}
    batch = [
        {
            "id": "a",
            "title": "one",
            "createdAt": "2020-01-01T00:00:00Z",
            "messages": [result, result | {"content": "2"}],
        },
        {"id": "b", "messages": [result | {"content": "3"}]},
        {"id": "a", "title": "two", "createdAt": "2021-01-01T00:00:00Z", "messages": []},
    ]
    with acting_as(db, ada.identity):
        assert sync(db, ada, batch) == {"synced": 3, "errors": 0, "details": []}
        [a, b] = db.execute("select id, title, created_at from chat_sessions order by id").fetchall()
        [message] = db.execute("select session_id, content from chat_messages").fetchall()
    assert (a["title"], a["created_at"].year, b["title"]) == ("two", 2020, "New Chat")
    assert message == {"session_id": "a", "content": "3"}


def test_a_batch_has_so_many_conversations_and_messages_at_most(db: Db, ada: Person) -> None:
    message = {"id": "m", "role": "user", "content": ""}
    for batch in (
        [{"id": "c"}] * 1001,
        [{"id": "c", "messages": [message] * 10_001}],
        [{"id": f"c{n}", "messages": [message] * 5001} for n in range(2)],
    ):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="At most 1,000"), acting_as(db, ada.identity):
            sync(db, ada, batch)
    for nothing in ({}, None, 1, "x"):
        with acting_as(db, ada.identity):
            assert sync(db, ada, nothing) == {"synced": 0, "errors": 0, "details": []}


def test_a_push_of_too_many_items_is_refused_before_they_are_looked_at(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = ada.http.post("/api/chat/sync", json={"conversations": [None] * (MAX_ITEMS + 1)})
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
    foreign = [{"id": f"c{n}", "userId": "somebody else"} for n in range(MAX_ITEMS)]
    response = ada.http.post("/api/chat/sync", json={"conversations": foreign})
    assert (response.status_code, len(response.content) < 2000) == (403, True)
    monkeypatch.setattr(sync_delta.DeltaPush, "decode", None)
    sync = {"replica": "r", "push_seq": 1, "ops": [None] * 5001}
    response = ada.http.post("/api/chat/sync", json={"conversations": [], "sync": sync}, headers=Device(ada).headers())
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
