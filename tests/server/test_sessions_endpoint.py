"""/api/chat/sessions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest
from accounts import Db, Person
from error_bodies import without_time

SESSIONS = "/api/chat/sessions"


def make(who: Person, session_id: str, **more: Any) -> dict[str, Any]:
    answer = who.http.post(SESSIONS, json={"id": session_id, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["session"])


def titles(who: Person) -> list[str]:
    return [row["title"] for row in who.http.get(SESSIONS).json()["sessions"]]


def test_a_new_conversation_is_answered_whole_and_is_in_the_listing(ada: Person) -> None:
    answer = ada.http.post(SESSIONS, json={"id": "conv_1", "title": "Sorting"})
    assert answer.status_code == 201
    body = answer.json()
    row = body["session"]
    assert body["success"] is True
    assert {key: row[key] for key in row if key not in ("created_at", "updated_at", "last_activity")} == {
        "id": "conv_1",
        "user_id": str(ada.id),
        "title": "Sorting",
        "message_count": 0,
        "total_tokens": 0,
        "last_model": None,
        "is_active": True,
        "last_message_preview": None,
        "last_message_timestamp": None,
    }
    for name in ("created_at", "updated_at", "last_activity"):
        assert datetime.fromisoformat(row[name]).utcoffset() is not None
    listed = ada.http.get(SESSIONS).json()
    assert listed == {"sessions": [row], "count": 1}


@pytest.mark.parametrize("title", [None, "", "   "])
def test_without_a_title_it_is_a_new_chat(ada: Person, title: str | None) -> None:
    assert make(ada, "c", title=title)["title"] == "New Chat"
    assert make(ada, "d")["title"] == "New Chat"


def test_a_title_has_255_characters_whatever_they_are(ada: Person) -> None:
    assert make(ada, "c", title="🙂" * 255)["title"] == "🙂" * 255
    refused = ada.http.post(SESSIONS, json={"id": "d", "title": "x" * 256})
    assert (refused.status_code, refused.json()["details"]) == (400, "title_too_long")
    assert len(titles(ada)) == 1


def test_keys_that_mean_nothing_here_are_ignored(ada: Person) -> None:
    row = make(ada, "c", title="T", message_count=7, user_id="someone", is_active=False)
    assert (row["message_count"], row["user_id"], row["is_active"]) == (0, str(ada.id), True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": ""},
        {"id": "  "},
        {"id": None},
        {"id": 7},
        {"id": ["c"]},
        {"id": "c", "title": 7},
        {"id": "x" * 256},
        [],
    ],
)
def test_what_is_no_conversation_is_refused(ada: Person, body: Any) -> None:
    answer = ada.http.post(SESSIONS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert ada.http.get(SESSIONS).json()["count"] == 0


def test_an_id_in_use_is_refused_and_changes_nothing(ada: Person) -> None:
    before = make(ada, "c", title="First")
    answer = ada.http.post(SESSIONS, json={"id": "c", "title": "Second"})
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (409, "conflict", "already_exists")
    assert ada.http.get(SESSIONS).json()["sessions"] == [before]


def test_the_id_of_somebody_else_is_simply_ones_own(ada: Person, bob: Person) -> None:
    make(ada, "same", title="Ada's")
    assert make(bob, "same", title="Bob's")["user_id"] == str(bob.id)
    assert (titles(ada), titles(bob)) == (["Ada's"], ["Bob's"])


def test_what_was_deleted_is_not_made_again(ada: Person, bob: Person) -> None:
    make(ada, "c")
    ada.http.delete(SESSIONS, params={"id": "c"})
    answer = ada.http.post(SESSIONS, json={"id": "c"})
    assert (answer.status_code, answer.json()["details"]) == (409, "conversation_deleted")
    assert titles(ada) == []
    make(bob, "c")  # who never had it


def test_the_one_that_changed_last_is_first(ada: Person) -> None:
    for name in ("a", "b", "c"):
        make(ada, name, title=name)
    assert titles(ada) == ["c", "b", "a"]
    ada.http.patch(SESSIONS, json={"id": "a", "title": "a again"})
    assert titles(ada) == ["a again", "c", "b"]


def test_a_rename_is_answered_with_the_row(ada: Person) -> None:
    before = make(ada, "c", title="Old")
    answer = ada.http.patch(SESSIONS, json={"id": "c", "title": "New"})
    assert answer.status_code == 200
    row = answer.json()["session"]
    assert (answer.json()["success"], row["title"]) == (True, "New")
    assert row["updated_at"] > before["updated_at"]
    assert row["created_at"] == before["created_at"]


@pytest.mark.parametrize(
    "body",
    [{"id": "c"}, {"title": "T"}, {"id": "", "title": "T"}, {"id": "c", "title": 1}, {"id": "c", "title": "x" * 256}],
)
def test_a_rename_without_an_id_or_a_title_is_refused(ada: Person, body: Any) -> None:
    make(ada, "c", title="Old")
    assert ada.http.patch(SESSIONS, json=body).status_code == 400
    assert titles(ada) == ["Old"]


def test_a_delete_takes_the_messages_along_and_may_be_repeated(ada: Person, db: Db) -> None:
    make(ada, "c")
    db.execute(
        "insert into chat_messages (user_id, session_id, id, role, content) values (%s, 'c', 'm', 'user', 'hello')",
        (ada.id,),
    )
    done = {"success": True, "message": "Session deleted successfully"}
    for _ in range(2):
        answer = ada.http.delete(SESSIONS, params={"id": "c"})
        assert (answer.status_code, answer.json()) == (200, done)
    assert titles(ada) == []
    assert db.execute("select 1 from chat_messages where user_id = %s", (ada.id,)).fetchone() is None


@pytest.mark.parametrize("query", ["", "?id=", "?id=%20", "?id=%00"])
def test_a_delete_says_when_no_id_came(ada: Person, query: str) -> None:
    make(ada, "c")
    answer = ada.http.delete(SESSIONS + query)
    assert (answer.status_code, answer.json()["error"]) == (400, "Session ID required")
    assert len(titles(ada)) == 1


def test_the_conversation_of_somebody_else_looks_like_none(ada: Person, bob: Person) -> None:
    make(ada, "hers", title="Private")
    sends: dict[str, Callable[[str], httpx.Response]] = {
        "rename": lambda one: bob.http.patch(SESSIONS, json={"id": one, "title": "Mine"}),
        "delete": lambda one: bob.http.delete(SESSIONS, params={"id": one}),
    }
    for name, send in sends.items():
        assert without_time(send("hers")) == without_time(send("nobody's")), name
    assert bob.http.get(SESSIONS).json() == {"sessions": [], "count": 0}
    assert titles(ada) == ["Private"]


def test_nobody_is_told_anything(http: httpx.Client, ada: Person) -> None:
    make(ada, "c")
    answers = [
        http.get(SESSIONS),
        http.post(SESSIONS, json={"id": "c"}),
        http.patch(SESSIONS, json={"id": "c", "title": "T"}),
        http.delete(SESSIONS, params={"id": "c"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "auth_required")] * 4
    assert titles(ada) == ["New Chat"]


def test_ids_are_taken_as_they_are(ada: Person) -> None:
    names = ["a'b", 'a"b', "a%b", "a_b", "a,b", "日本", "🙂", "../x", "a b", "x" * 255, "🙂" * 255]
    for name in names:
        make(ada, name)
        assert ada.http.get("/api/chat/session", params={"id": name}).json()["session"]["id"] == name
        assert ada.http.delete(SESSIONS, params={"id": name}).status_code == 200
    assert titles(ada) == []


def test_a_rename_and_a_delete_at_once_end_in_a_deleted_conversation(ada: Person) -> None:
    def at_once(number: int) -> int:
        name = f"c{number // 2}"
        if number % 2:
            return ada.http.delete(SESSIONS, params={"id": name}).status_code
        return ada.http.patch(SESSIONS, json={"id": name, "title": "Renamed"}).status_code

    for number in range(20):
        make(ada, f"c{number}")
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(at_once, range(40)))
    assert set(statuses[1::2]) == {200}
    assert set(statuses[::2]) <= {200, 404}
    assert titles(ada) == []


def test_one_of_many_who_make_the_same_conversation_at_once_makes_it(ada: Person) -> None:
    def send(number: int) -> int:
        return ada.http.post(SESSIONS, json={"id": "c", "title": str(number)}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(8)))
    assert statuses == [201] + [409] * 7


def test_the_class_of_these_requests_is_one_shared_pool(served: Callable[..., str], ada: Person) -> None:
    with httpx.Client(base_url=served(rate_limits=True), headers=ada.http.headers) as client:
        first = client.get(SESSIONS)
        second = client.get("/api/chat/session", params={"id": "none"})
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("200", "199")
    assert (second.status_code, second.headers["x-ratelimit-remaining"]) == (404, "198")
