"""Paged listing with GET /api/chat/sync."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from accounts import Db, Person

from sterna.server.routes.sync_models import SyncPage

SYNC = "/api/chat/sync"


def listed(who: Person, **params: Any) -> dict[str, Any]:
    answer = who.http.get(SYNC, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["sync-server"].startswith("1; caps=delta,files,gzip,seen,sse,tomb,zstd;")
    SyncPage.model_validate(answer.json())
    return dict(answer.json())


def push(who: Person, *conversations: dict[str, Any]) -> None:
    answer = who.http.post(SYNC, json={"conversations": list(conversations)})
    assert answer.json()["results"]["errors"] == 0, answer.text


def walk(who: Person, limit: int) -> list[str]:
    result: list[str] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        page = listed(who, **params)
        result += [conversation["id"] for conversation in page["conversations"]]
        cursor = page["meta"]["nextCursor"]
        assert page["meta"]["hasMore"] is (cursor is not None)
        if cursor is None:
            return result
        params |= {"cursor_ts": cursor["ts"], "cursor_id": cursor["id"]}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20])
def test_a_walk_meets_every_conversation_once_also_empty_ones_and_ties(ada: Person, db: Db, limit: int) -> None:
    at = "2025-11-20T17:34:55.000Z"
    push(
        ada, *({"id": f"tie{n}", "lastMessageTimestamp": at} for n in range(12)), *({"id": f"e{n}"} for n in range(13))
    )
    db.execute(
        "update chat_sessions set last_message_timestamp = now() + interval '1 microsecond' * ascii(id)"
        " where user_id = %s and id in ('e1', 'e2', 'e3')",
        (ada.id,),
    )
    result = walk(ada, limit)
    assert len(result) == 25
    assert len(set(result)) == 25
    assert result[-12:] == sorted((f"tie{n}" for n in range(12)), reverse=True)


def test_the_first_page_and_the_whole_number(ada: Person) -> None:
    push(ada, *({"id": f"c{n}"} for n in range(23)))
    page = listed(ada, with_total="true")
    assert (page["meta"]["pageSize"], page["meta"]["hasMore"], page["meta"]["totalCount"]) == (20, True, 23)
    cursor = page["meta"]["nextCursor"]
    later = listed(ada, cursor_ts=cursor["ts"], cursor_id=cursor["id"], with_total="true")
    assert (len(later["conversations"]), later["meta"]["totalCount"]) == (3, 23)
    assert "totalCount" not in listed(ada)["meta"]
    assert "deleted" not in page


@pytest.mark.parametrize(("limit", "size"), [("0", 1), ("5", 5), ("99", 20), ("x", 20), ("-3", 20), ("", 20)])
def test_a_page_has_one_to_twenty(ada: Person, limit: str, size: int) -> None:
    assert listed(ada, limit=limit)["meta"]["pageSize"] == size


@pytest.mark.parametrize("cursor", ["x", "2025-13-01T00:00:00Z", "12", "0001-01-01T00:00:00+23:00"])
def test_a_cursor_that_is_no_time_is_refused(ada: Person, cursor: str) -> None:
    answer = ada.http.get(SYNC, params={"cursor_ts": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_a_cursor_whose_plus_was_not_escaped_is_understood(ada: Person) -> None:
    push(ada, {"id": "c", "lastMessageTimestamp": "2025-01-01T00:00:00Z"})
    answer = ada.http.get(SYNC + "?cursor_ts=2025-06-01T00:00:00+00:00")
    assert [conversation["id"] for conversation in answer.json()["conversations"]] == ["c"]
    assert listed(ada, cursor_ts="2025-01-01T00:00:00Z")["conversations"] == []


def test_messages_come_only_when_asked_for_and_never_those_of_the_system(ada: Person) -> None:
    messages = [
        {"id": "s", "role": "system", "content": "be brief", "timestamp": "2025-01-01T00:00:00Z"},
        {"id": "b", "role": "assistant", "content": "yes", "timestamp": "2025-01-01T00:00:02.5Z", "model": "g/m"}
        | {"elapsed_time": 3, "annotations": [{"type": "url"}], "reasoning_details": {"a": 1}, "has_websearch": True}
        | {"websearch_result_count": 70, "completion_id": "gen", "user_message_id": "a"},
        {"id": "a", "role": "user", "content": "well?", "timestamp": "2025-01-01T00:00:01Z", "error": True},
    ]
    push(ada, {"id": "c", "messages": messages})
    assert listed(ada)["conversations"][0]["messages"] == []
    assert listed(ada, summary_only="0")["conversations"][0]["messages"] == []
    (result,) = listed(ada, summary_only="false")["conversations"]
    assert result["isActive"] is False
    a, b = result["messages"]
    assert (a["id"], a["error"], a["retry_available"]) == ("a", True, False)
    assert (b["id"], b["elapsed_ms"], b["elapsed_time"], b["model"]) == ("b", 3000, 3, "g/m")
    assert (b["annotations"], b["reasoning_details"]) == ([{"type": "url"}], [{"a": 1}])
    assert (b["has_websearch"], b["websearch_result_count"]) == (True, 50)
    assert (b["timestamp"], b["error"], b["attachment_ids"]) == ("2025-01-01T00:00:02.500Z", False, [])


def test_nobody_sees_anybody_elses(ada: Person, bob: Person, http: httpx.Client) -> None:
    push(ada, {"id": "c"})
    assert listed(bob, with_total="true")["meta"]["totalCount"] == 0
    assert http.get(SYNC).status_code == 401
