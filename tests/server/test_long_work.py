"""Requests with many messages: same responses, size limits, and no blocking of other requests."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from accounts import Person

from sterna.server import long_work
from sterna.server.long_work import MANY, array
from sterna.server.routes import messages as messages_route
from sterna.server.routes import sync as sync_route

MESSAGES = "/api/chat/messages"
SYNC = "/api/chat/sync"


def talk(count: int, content: str = "hello “you”") -> dict[str, Any]:
    texts = [
        {"id": f"m{n:05}", "role": "user", "content": content, "timestamp": f"2026-03-01T12:{n % 60:02}:00.000Z"}
        for n in range(count)
    ]
    return {"id": "c", "title": "x", "messages": texts}


@pytest.mark.parametrize("count", [0, 1, MANY, 3 * MANY])
def test_many_messages_come_back_as_few_do(ada: Person, count: int) -> None:
    item = talk(count)
    assert ada.http.post(SYNC, json={"conversations": [item]}).json()["results"]["synced"] == 1
    body = ada.http.get(MESSAGES, params={"session_id": "c"}).json()
    assert body["count"] == len(body["messages"]) == count
    listed = ada.http.get(SYNC, params={"summary_only": "false", "with_total": "true"}).json()
    assert (listed["meta"]["totalCount"], listed["meta"]["hasMore"]) == (1, False)
    [shown] = listed["conversations"]
    assert {message["id"]: message["content"] for message in shown["messages"]} == {
        message["id"]: message["content"] for message in item["messages"]
    }
    added = ada.http.post(MESSAGES, json={"sessionId": "d", "messages": talk(max(1, count))["messages"]})
    assert added.status_code == 201
    exported = ada.http.get("/api/user/export")
    assert exported.headers["content-type"] == "application/json"
    assert {conversation["session"]["id"] for conversation in exported.json()["conversations"]} == {"c", "d"}


def test_an_answer_that_would_be_too_large_is_refused(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.http.post(SYNC, json={"conversations": [talk(10, "x" * 100)]})
    monkeypatch.setattr(long_work, "MAX_BYTES", 900)
    for path, query in ((MESSAGES, {"session_id": "c"}), (SYNC, {"summary_only": "false"})):
        answer = ada.http.get(path, params=query)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    later = {"session_id": "c", "since_ts": "2026-03-01T12:05:00.000Z"}
    assert ada.http.get(MESSAGES, params=later).json()["count"] == 4
    assert ada.http.get(SYNC).status_code == 200


def test_many_messages_are_decoded_beside_the_event_loop(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()

    def noting(work: Any) -> Any:
        def noted(*args: Any) -> Any:
            threads.add(threading.current_thread().name)
            return work(*args)

        return noted

    monkeypatch.setattr(sync_route, "messages_json", noting(sync_route.messages_json))
    monkeypatch.setattr(messages_route, "messages_json", noting(messages_route.messages_json))
    monkeypatch.setattr(sync_route, "_encode_page", noting(sync_route._encode_page))
    ada.http.post(SYNC, json={"conversations": [talk(2 * MANY)]})
    ada.http.post(MESSAGES, json={"sessionId": "d", "messages": talk(2 * MANY)["messages"]})
    ada.http.get(SYNC, params={"summary_only": "false"})
    assert threads
    assert "server" not in threads


def test_an_array_is_what_json_makes_of_it() -> None:
    values = [None, 1.5, "“x”\n", {"a": [1, {"b": "\u2028"}]}, []]
    assert json.loads(array(values)) == values
    assert array([]) == "[]"
