"""/api/chat/session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from accounts import Person
from error_bodies import without_time

SESSION = "/api/chat/session"
FULL = {
    "title": "Named",
    "message_count": 7,
    "total_tokens": 5_000_000_000,
    "last_model": "acme/small",
    "last_message_preview": "Use a heap.",
}


@pytest.fixture
def hers(ada: Person) -> dict[str, Any]:
    """Ada's conversation ``c``."""
    return dict(ada.http.post("/api/chat/sessions", json={"id": "c", "title": "Old"}).json()["session"])


def read(who: Person) -> dict[str, Any]:
    return dict(who.http.get(SESSION, params={"id": "c"}).json()["session"])


def test_a_conversation_is_read_as_the_listing_has_it(ada: Person, hers: dict[str, Any]) -> None:
    assert ada.http.get(SESSION, params={"id": "c"}).json() == {"session": hers}


def test_all_that_is_given_is_written(ada: Person, hers: dict[str, Any]) -> None:
    at = "2025-11-20T17:35:01.250Z"
    answer = ada.http.post(SESSION, json={"id": "c", **FULL, "last_message_timestamp": at})
    assert answer.status_code == 200
    row = answer.json()["session"]
    assert answer.json()["success"] is True
    assert {key: row[key] for key in FULL} == FULL
    assert row["last_message_timestamp"] in ("2025-11-20T17:35:01.250000Z", at)
    assert read(ada) == row


@pytest.mark.parametrize("key", FULL)
def test_what_is_not_given_stays(ada: Person, hers: dict[str, Any], key: str) -> None:
    row = ada.http.post(SESSION, json={"id": "c", key: FULL[key]}).json()["session"]
    changed = {name for name in row if row[name] != hers[name]}
    assert changed - {"updated_at", "last_activity"} == {key}


def test_keys_that_mean_nothing_here_are_ignored(ada: Person, bob: Person, hers: dict[str, Any]) -> None:
    body = {"id": "c", "is_active": False, "user_id": str(bob.id), "created_at": "2001-01-01T00:00:00Z", "seq": 9}
    assert ada.http.post(SESSION, json=body).json()["session"] == hers


def test_null_empties_what_may_be_empty(ada: Person, hers: dict[str, Any]) -> None:
    ada.http.post(SESSION, json={"id": "c", **FULL})
    row = ada.http.post(SESSION, json={"id": "c", **dict.fromkeys(FULL), "last_message_timestamp": None}).json()[
        "session"
    ]
    assert {key: row[key] for key in [*FULL, "last_message_timestamp"]} == {
        "title": "New Chat",
        "message_count": 0,
        "total_tokens": 0,
        "last_model": None,
        "last_message_preview": None,
        "last_message_timestamp": None,
    }


def test_a_long_preview_is_cut_between_characters(ada: Person, hers: dict[str, Any]) -> None:
    row = ada.http.post(SESSION, json={"id": "c", "last_message_preview": "🙂" * 300}).json()["session"]
    assert row["last_message_preview"] == "🙂" * 200


@pytest.mark.parametrize(
    "body",
    [
        {"title": "x" * 256},
        {"title": 7},
        {"message_count": -1},
        {"message_count": 2**31},
        {"message_count": "many"},
        {"total_tokens": 2**63},
        {"total_tokens": -1},
        {"last_model": "m" * 101},
        {"last_message_timestamp": "yesterday"},
        {"last_message_timestamp": "0001-01-01T00:00:00+14:00"},
        {"last_message_timestamp": "9999-12-31T23:59:59-14:00"},
        {"last_message_preview": ["p"]},
    ],
)
def test_what_cannot_be_stored_is_refused_and_changes_nothing(
    ada: Person, hers: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = ada.http.post(SESSION, json={"id": "c", "last_model": "other", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert read(ada) == hers


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2025-11-20T17:35:01+05:30"])
def test_any_time_of_the_calendar_can_be_read_again(ada: Person, hers: dict[str, Any], at: str) -> None:
    assert ada.http.post(SESSION, json={"id": "c", "last_message_timestamp": at}).status_code == 200
    assert ada.http.get("/api/chat/sessions").status_code == 200
    assert read(ada)["last_message_timestamp"] is not None


def test_without_an_id_it_says_so(ada: Person) -> None:
    for answer in (
        ada.http.get(SESSION),
        ada.http.get(SESSION, params={"id": " "}),
        ada.http.post(SESSION, json={"title": "T"}),
        ada.http.post(SESSION, json={"id": ""}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "Session ID required")


@pytest.mark.parametrize("query", ["%%0000", "%0%000", "%%%000000", "c%00%", "%00c"])
def test_no_spelling_of_nul_reaches_the_database(ada: Person, query: str) -> None:
    assert ada.http.get(f"{SESSION}?id={query}").status_code == 404


def test_the_conversation_of_somebody_else_looks_like_none(bob: Person, ada: Person, hers: dict[str, Any]) -> None:
    sends: list[Callable[[str], httpx.Response]] = [
        lambda one: bob.http.get(SESSION, params={"id": one}),
        lambda one: bob.http.post(SESSION, json={"id": one, "title": "Mine"}),
        lambda one: bob.http.post(SESSION, json={"id": one}),
    ]
    for send in sends:
        assert without_time(send("c")) == without_time(send("nobody's"))
        assert without_time(send("c")) == (
            404,
            {
                "error": "Session not found or access denied",
                "message": "Session not found or access denied",
                "code": "not_found",
            },
        )
    assert read(ada) == hers


def test_nobody_is_told_anything(http: httpx.Client, hers: dict[str, Any]) -> None:
    assert http.get(SESSION, params={"id": "c"}).status_code == 401
    assert http.post(SESSION, json={"id": "c", "title": "T"}).status_code == 401
