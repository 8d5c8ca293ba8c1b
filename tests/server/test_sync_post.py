"""Push of conversations to /api/chat/sync."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from accounts import Db, Person

SYNC = "/api/chat/sync"
AT = "2025-11-20T17:34:55.000Z"


def message(n: int, role: str = "user", **more: Any) -> dict[str, Any]:
    at = f"2025-11-20T17:{n // 60 % 60:02}:{n % 60:02}.000Z"
    return {"id": f"m{n}", "role": role, "content": f"text {n}", "timestamp": at} | more


def push(who: Person, *conversations: Any) -> list[dict[str, Any]]:
    answer = who.http.post(SYNC, json={"conversations": list(conversations)})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["success"] is True
    details: list[dict[str, Any]] = body["results"]["details"]
    assert body["results"]["errors"] == sum("error" in detail for detail in details)
    assert body["results"]["synced"] + body["results"]["errors"] == len(conversations)
    return details


def summary(who: Person, session_id: str) -> dict[str, Any]:
    conversations = who.http.get(SYNC, params={"summary_only": "false"}).json()["conversations"]
    return dict(next(item for item in conversations if item["id"] == session_id))


def seqs(db: Db, who: Person) -> list[Any]:
    rows = db.execute("select kind, id, seq from sync_rows where user_id = %s order by seq", (who.id,)).fetchall()
    usage = db.execute("select * from user_usage_daily where user_id = %s", (who.id,)).fetchall()
    return [rows, usage]


def test_the_specified_example_is_answered_as_it_says(ada: Person) -> None:
    sent = {
        "id": "conv_1",
        "title": "Sorting",
        "userId": str(ada.id),
        "createdAt": "2025-11-20T17:33:20.000Z",
        "messageCount": 6,
        "totalTokens": 412,
        "messages": [
            {"id": "a", "role": "user", "content": "Which one?", "timestamp": AT, "originalModel": "acme/small"},
            {"id": "b", "role": "assistant", "content": "Use a heap.", "timestamp": "2025-11-20T17:35:01.250Z"}
            | {"model": "acme/small", "contentType": "markdown", "total_tokens": 36, "elapsed_ms": 1830},
        ],
    }
    assert push(ada, sent) == [{"conversationId": "conv_1", "status": "synced", "messageCount": 2}]
    result = summary(ada, "conv_1")
    assert (result["messageCount"], result["totalTokens"], result["lastModel"]) == (2, 36, "acme/small")
    assert result["createdAt"].startswith("2025-11-20T17:33:20")
    assert [(message["id"], message["elapsed_ms"], message["elapsed_time"]) for message in result["messages"]] == [
        ("a", 0, 0),
        ("b", 1830, 2),
    ]


def test_one_that_cannot_be_taken_does_not_stop_the_others(ada: Person) -> None:
    assert push(ada, {"id": "a", "title": "x"}, {"id": "b", "title": "x" * 256}, {"id": "c"}) == [
        {"conversationId": "a", "status": "synced", "messageCount": 0},
        {"conversationId": "b", "error": "title_too_long"},
        {"conversationId": "c", "status": "synced", "messageCount": 0},
    ]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"role": "tool"}, "bad_role"),
        ({"role": None}, "bad_role"),
        ({"content": None}, "bad_content"),
        ({"content": 1}, "bad_content"),
        ({"id": ""}, "missing_id"),
        ({"id": 1}, "missing_id"),
        ({"id": "x" * 256}, "bad_id"),
        ({"model": "x" * 101}, "model_too_long"),
        ({"completion_id": "x" * 256}, "completion_id_too_long"),
        ({"total_tokens": 2**31}, "bad_number"),
        ({"input_tokens": -1}, "bad_number"),
        ({"output_tokens": "5"}, "bad_number"),
        ({"elapsed_ms": 1.5}, "bad_number"),
        ({"timestamp": 5}, "bad_timestamp"),
        ({"timestamp": "yesterday"}, "bad_timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:00"}, "bad_timestamp"),
        ({"reasoning": []}, "bad_reasoning"),
        ({"error_message": {"a": 1}}, "bad_error"),
    ],
)
def test_a_bad_message_stores_nothing_of_its_conversation(ada: Person, change: dict[str, Any], word: str) -> None:
    assert push(ada, {"id": "c", "messages": [message(1), message(2) | change]}) == [
        {"conversationId": "c", "error": word}
    ]
    assert ada.http.get(SYNC).json()["conversations"] == []


@pytest.mark.parametrize(
    "item", [None, 1, "x", [], {}, {"id": 5}, {"id": "c", "messages": "x"}, {"id": "c", "title": 1}]
)
def test_what_is_no_conversation_is_an_error_of_its_own(ada: Person, item: Any) -> None:
    assert "error" in push(ada, item)[0]


@pytest.mark.parametrize("body", [None, 1, [], {}, {"conversations": {}}, {"conversations": None}])
def test_conversations_have_to_be_a_list(ada: Person, body: Any) -> None:
    answer = ada.http.post(SYNC, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_an_empty_list_is_fine_and_nobody_may_not_push(ada: Person, http: httpx.Client) -> None:
    assert push(ada) == []
    assert http.post(SYNC, json={"conversations": []}).status_code == 401


def test_naming_somebody_else_refuses_everything(ada: Person, bob: Person) -> None:
    items = [{"id": "mine", "userId": str(ada.id)}, {"id": "theirs", "userId": str(bob.id)}]
    answer = ada.http.post(SYNC, json={"conversations": items})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert answer.json()["error"] == "Unauthorized conversation access"
    assert answer.json()["details"] == "Invalid conversations: theirs"
    assert ada.http.get(SYNC).json()["conversations"] == []


def test_another_persons_ids_are_simply_ones_own(ada: Person, bob: Person) -> None:
    push(ada, {"id": "c", "title": "Ada", "messages": [message(1, content="hers")]})
    push(bob, {"id": "c", "title": "Bob", "messages": [message(1, content="his")]})
    assert [message["content"] for message in summary(ada, "c")["messages"]] == ["hers"]
    assert [message["content"] for message in summary(bob, "c")["messages"]] == ["his"]


def test_sending_the_same_again_changes_nothing(ada: Person, db: Db) -> None:
    sent = {"id": "c", "title": "T", "createdAt": AT, "messages": [message(1), message(2, "assistant", model="g/m")]}
    timeless = {"id": "d", "messages": [{"id": "t", "role": "user", "content": "x"}]}
    push(ada, sent, timeless)
    before = seqs(db, ada)
    updated = summary(ada, "c")["updatedAt"]
    push(ada, sent, timeless)
    assert seqs(db, ada) == before
    assert summary(ada, "c")["updatedAt"] == updated


def test_an_absent_key_leaves_its_column_and_numbers_hold_until_a_message_comes(ada: Person) -> None:
    push(ada, {"id": "c", "title": "T", "messages": [message(1, content="hello", model="g/m")]})
    push(ada, {"id": "c", "messageCount": 99})
    result = summary(ada, "c")
    assert (result["title"], result["messageCount"], result["lastMessagePreview"]) == ("T", 99, "hello")
    push(ada, {"id": "c", "messageCount": 99, "lastModel": None})
    assert summary(ada, "c")["lastModel"] is None
    push(ada, {"id": "c", "messages": [message(2)]})
    assert summary(ada, "c")["messageCount"] == 2


def test_of_an_id_that_comes_twice_the_last_counts(ada: Person) -> None:
    details = push(ada, {"id": "c", "messages": [message(1), message(2), message(1, content="last")]})
    assert details[0]["messageCount"] == 3
    assert [message["content"] for message in summary(ada, "c")["messages"]] == ["last", "text 2"]


def test_what_was_deleted_stays_deleted(ada: Person, db: Db) -> None:
    push(ada, {"id": "c", "messages": [message(1)]}, {"id": "d", "messages": [message(2), message(3)]})
    assert ada.http.delete("/api/chat/sessions", params={"id": "c"}).status_code == 200
    db.execute("delete from chat_messages where user_id = %s and id = 'm2'", (ada.id,))
    assert push(ada, {"id": "c", "messages": [message(1)]}, {"id": "d", "messages": [message(2), message(4)]}) == [
        {"conversationId": "c", "error": "conversation_deleted"},
        {"conversationId": "d", "status": "synced", "messageCount": 2},
    ]
    assert [message["id"] for message in summary(ada, "d")["messages"]] == ["m3", "m4"]


def test_a_message_sent_in_another_conversation_moves_there(ada: Person) -> None:
    push(ada, {"id": "a", "messages": [message(1, total_tokens=3), message(2, total_tokens=4)]})
    push(ada, {"id": "b", "messages": [message(2, total_tokens=4)]})
    a, b = summary(ada, "a"), summary(ada, "b")
    assert (a["messageCount"], a["totalTokens"]) == (1, 3)
    assert (b["messageCount"], b["totalTokens"]) == (1, 4)


def test_nul_and_half_characters_are_cleaned(ada: Person) -> None:
    body = rb'{"conversations": [{"id": "c", "messages": [{"id": "a", "role": "user", "content": "a\u0000b\ud83d"}]}]}'
    answer = ada.http.post(SYNC, content=body, headers={"content-type": "application/json"})
    assert answer.json()["results"]["synced"] == 1
    assert summary(ada, "c")["messages"][0]["content"] == "ab\ufffd"


def test_many_at_once_lose_nothing(ada: Person) -> None:
    def one(n: int) -> list[dict[str, Any]]:
        return push(
            ada,
            {"id": "shared", "messages": [message(n, total_tokens=1)]},
            {"id": f"own{n % 4}", "messages": [message(100 + n, total_tokens=1)]},
        )

    with ThreadPoolExecutor(8) as pool:
        for details in pool.map(one, range(40)):
            assert all(detail.get("status") == "synced" for detail in details)
    assert (summary(ada, "shared")["messageCount"], summary(ada, "shared")["totalTokens"]) == (40, 40)
    assert [summary(ada, f"own{n}")["messageCount"] for n in range(4)] == [10] * 4


def test_five_thousand_messages_are_one_conversation(ada: Person) -> None:
    sent = [message(n, id=f"x{n}", total_tokens=2) for n in range(5000)]
    assert push(ada, {"id": "c", "messages": sent})[0]["messageCount"] == 5000
    (result,) = ada.http.get(SYNC).json()["conversations"]
    assert (result["messageCount"], result["totalTokens"]) == (5000, 10000)
