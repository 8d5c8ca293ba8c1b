"""/api/chat/messages: reading and adding messages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from accounts import Db, Person

from sterna.server.routes.sync_models import AddedMessages, ShownMessages

MESSAGES = "/api/chat/messages"
AT = "2025-11-20T17:34:55.000Z"


def message(message_id: str, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"id": message_id, "role": role, "content": f"text of {message_id}", "timestamp": AT} | more


def add(who: Person, **body: Any) -> httpx.Response:
    return who.http.post(MESSAGES, json=body)


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 201, answer.text
    AddedMessages.model_validate(answer.json())
    assert answer.json()["count"] == len(answer.json()["messages"])
    return list(answer.json()["messages"])


def read(who: Person, session_id: str, **more: Any) -> dict[str, Any]:
    answer = who.http.get(MESSAGES, params={"session_id": session_id, **more})
    assert answer.status_code == 200, answer.text
    ShownMessages.model_validate(answer.json())
    return dict(answer.json())


def titles(who: Person) -> list[str]:
    return [session["title"] for session in who.http.get("/api/chat/sessions").json()["sessions"]]


def test_messages_are_stored_and_answered_as_rows(ada: Person) -> None:
    sent = [message("a", originalModel="g/m"), message("b", "assistant", model="g/m", elapsed_time=2)]
    first, second = rows(add(ada, sessionId="c", messages=sent, message=message("ignored")))
    assert (first["id"], first["session_id"], first["user_id"], first["model"]) == ("a", "c", str(ada.id), "g/m")
    assert (second["elapsed_ms"], second["elapsed_time"], second["metadata"]) == (2000, 2, {})
    result = read(ada, "c")
    assert [(message["id"], message.get("model"), message.get("originalModel")) for message in result["messages"]] == [
        ("a", None, "g/m"),
        ("b", "g/m", None),
    ]
    assert (result["count"], "up_to_date" in result) == (2, False)


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("short", "short"),
        ("", "New Chat"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50 + "..."),
        ("x" * 49 + "😀y", "x" * 49 + "..."),
    ],
)
def test_a_new_conversation_is_called_after_its_first_question(ada: Person, content: str, title: str) -> None:
    rows(add(ada, sessionId="c", messages=[message("a", "assistant"), message("b", content=content)]))
    assert titles(ada) == [title]


def test_a_title_that_is_sent_is_taken_and_changed(ada: Person) -> None:
    rows(add(ada, sessionId="c", message=message("a"), sessionTitle="One"))
    assert titles(ada) == ["One"]
    rows(add(ada, sessionId="c", message=message("b")))
    assert titles(ada) == ["One"]
    rows(add(ada, sessionId="c", message=message("b"), sessionTitle="Two"))
    assert titles(ada) == ["Two"]


@pytest.mark.parametrize(
    "body",
    [
        {"sessionId": "c"},
        {"sessionId": "c", "message": None},
        {"sessionId": "c", "messages": {}},
        {"sessionId": "c", "messages": [message("a"), message("b", role="tool")]},
        {"sessionId": "c", "message": message("a", total_tokens=2**31)},
        {"sessionId": "c", "message": message("a"), "sessionTitle": "x" * 256},
        {"message": message("a")},
        {"sessionId": 5, "message": message("a")},
        [],
        None,
    ],
)
def test_what_cannot_be_stored_makes_no_conversation(ada: Person, body: Any) -> None:
    answer = ada.http.post(MESSAGES, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert titles(ada) == []


def test_no_messages_are_none(ada: Person) -> None:
    assert rows(add(ada, sessionId="c", messages=[])) == []
    assert titles(ada) == ["New Chat"]


def test_metadata_is_added_to_and_the_error_is_kept(ada: Person) -> None:
    rows(add(ada, sessionId="c", message=message("a", requested_web_search=True)))
    failed = message("a", error=True, error_message="no credit", error_code="402", retry_after=5)
    (row,) = rows(add(ada, sessionId="c", message=failed))
    assert row["error_message"] == "no credit"
    assert row["metadata"] == {
        "requested_web_search": True,
        "upstream_error_code": "402",
        "upstream_error_message": "no credit",
        "upstream_retry_after": 5,
    }
    (shown,) = read(ada, "c")["messages"]
    assert (shown["error"], shown["error_message"], shown["requested_web_search"]) == (True, "no credit", True)


def test_adding_again_counts_nothing_twice(ada: Person, db: Db) -> None:
    sent = message("a", "assistant", output_tokens=5, model="g/m")
    once = rows(add(ada, sessionId="c", message=sent))
    usage = db.execute("select * from user_usage_daily where user_id = %s", (ada.id,)).fetchall()
    assert rows(add(ada, sessionId="c", message=sent)) == once
    assert db.execute("select * from user_usage_daily where user_id = %s", (ada.id,)).fetchall() == usage


def test_a_deleted_conversation_takes_no_messages(ada: Person) -> None:
    rows(add(ada, sessionId="c", message=message("a")))
    ada.http.delete("/api/chat/sessions", params={"id": "c"})
    answer = add(ada, sessionId="c", message=message("b"))
    assert (answer.status_code, answer.json()["details"]) == (409, "conversation_deleted")


def test_only_later_messages_are_read_when_asked(ada: Person) -> None:
    rows(add(ada, sessionId="c", messages=[message("a"), message("b", timestamp="2025-11-20T17:34:56Z")]))
    result = read(ada, "c", since_ts=AT)
    assert ([message["id"] for message in result["messages"]], result["up_to_date"]) == (["b"], False)
    assert read(ada, "c", since_ts="2025-11-20T17:34:56Z") == {"messages": [], "count": 0, "up_to_date": True}
    answer = ada.http.get(MESSAGES, params={"session_id": "c", "since_ts": "soon"})
    assert answer.status_code == 400


def test_a_conversation_that_is_not_ones_own_is_not_there(ada: Person, bob: Person, http: httpx.Client) -> None:
    rows(add(ada, sessionId="c", message=message("a")))
    answer = bob.http.get(MESSAGES, params={"session_id": "c"})
    assert (answer.status_code, answer.json()["error"]) == (404, "Session not found or access denied")
    assert bob.http.get(MESSAGES).status_code == 400
    assert http.get(MESSAGES, params={"session_id": "c"}).status_code == 401


def test_a_message_that_is_sent_again_forgets_what_the_earlier_try_failed_with(ada: Person) -> None:
    failed = message("a", error=True, error_code="402", error_message="no credit", retry_after=5, suggestions=["pay"])
    rows(add(ada, sessionId="c", message=failed | {"requested_web_search": True}))
    (row,) = rows(add(ada, sessionId="c", message=message("a")))
    assert (row["error_message"], row["metadata"]) == (None, {"requested_web_search": True})
    (row,) = rows(add(ada, sessionId="c", message=message("a", error=True, error_message="too long")))
    assert row["metadata"] == {"requested_web_search": True, "upstream_error_message": "too long"}
    # the other endpoint takes each message whole
    body = {"conversations": [{"id": "c", "title": "t", "messages": [message("a")]}]}
    assert ada.http.post("/api/chat/sync", json=body).json()["results"]["synced"] == 1
    (shown,) = read(ada, "c")["messages"]
    assert shown["error"] is False
    assert "error_message" not in shown


def attached(who: Person, ids: Any, **more: Any) -> dict[str, Any]:
    body = {"conversations": [{"id": "c", "title": "t", "messages": [message("a", attachment_ids=ids, **more)]}]}
    assert who.http.post("/api/chat/sync", json=body).json()["results"]["synced"] == 1
    (shown,) = read(who, "c")["messages"]
    listing = who.http.get("/api/chat/sync", params={"summary_only": "false"}).json()
    (full,) = listing["conversations"][0]["messages"]
    assert full["attachment_ids"] == shown["attachment_ids"]
    return dict(shown)


@pytest.mark.parametrize(
    ("ids", "more", "expected"),
    [
        (["x", "y"], {}, (True, ["x", "y"])),
        (["x", "y"], {"has_attachments": True}, (True, ["x", "y"])),
        (["x"], {"has_attachments": False}, (False, [])),
        (["1", "2", "3", "4"], {}, (True, ["1", "2", "3"])),
        (["x", 7, ""], {}, (True, ["x"])),
        ([], {}, (False, [])),
        (None, {}, (False, [])),
        ("x", {}, (False, [])),
    ],
)
def test_attachments_are_named_as_they_were_sent(
    ada: Person, ids: Any, more: dict[str, Any], expected: tuple[bool, list[str]]
) -> None:
    shown = attached(ada, ids, **more)
    assert (shown["has_attachments"], shown["attachment_ids"]) == expected


def test_attachments_of_a_request_are_those_of_its_first_question(ada: Person) -> None:
    sent = [message("b", "assistant"), message("a"), message("c")]
    rows(add(ada, sessionId="c", messages=sent, attachmentIds=["x"]))
    result = {message["id"]: message["attachment_ids"] for message in read(ada, "c")["messages"]}
    assert result == {"a": ["x"], "b": [], "c": []}


def test_a_conversation_with_too_much_beside_its_text_is_refused_too(
    ada: Person, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.server.long_work.MAX_BYTES", 1_000_000)
    add(ada, sessionId="c", message=message("a"))
    db.execute("update chat_messages set metadata = jsonb_build_object('k', repeat('v', 1100000))")
    assert ada.http.get(MESSAGES, params={"session_id": "c"}).status_code == 413
    every = ada.http.get("/api/chat/sync", params={"summary_only": "false"})
    assert every.status_code == 413
    assert ada.http.get("/api/chat/sync").status_code == 200
