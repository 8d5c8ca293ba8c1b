"""Visits over /api/chat/session/start and /message. See docs/specification/endpoints.md#visits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import Db, Person

from sterna.server.routes.visits import identifier_of

START, MESSAGE = "/api/chat/session/start", "/api/chat/session/message"
AGENT = "Mozilla/5.0 (test)"
SALT = "a salt of the tests, 16 bytes and more"


@pytest.fixture
def visits(served: Callable[..., str], at: Callable[..., httpx.Client]) -> httpx.Client:
    """Return a client of a server that stores visits, behind one proxy."""
    return at(None, served(chat_logging=True, user_id_salt=SALT, trusted_proxies=1))


def start(client: httpx.Client, token: str, address: str = "203.0.113.7", **more: Any) -> httpx.Response:
    body = {"sessionToken": token, "userAgent": AGENT, "referrer": "https://example.com", "deviceType": "desktop"}
    return client.post(START, json=body | more, headers={"x-forwarded-for": address})


def say(client: httpx.Client, token: str, kind: str, content: str) -> httpx.Response:
    return client.post(MESSAGE, json={"sessionToken": token, "messageType": kind, "content": content})


def stored_visit(db: Db, token: str) -> dict[str, Any] | None:
    return db.execute("select * from user_sessions where session_token = %s", (token,)).fetchone()


def fresh() -> str:
    return f"test_{uuid4()}"


@pytest.mark.parametrize(
    ("address", "body", "salt", "identifier"),
    [
        ("203.0.113.7", {"userAgent": AGENT}, "pepper", "fd8bf92764191ce059f4fad6e647fc2b"),
        ("127.0.0.1", {}, "default-salt-change-this", "0a4946a3c00be28a5a1e2d35688c4b11"),
    ],
)
def test_hash_generation_producing_consistent_identifiers(
    address: str, body: dict[str, Any], salt: str, identifier: str
) -> None:
    """docs/specification/vectors.md#vector-17."""
    assert identifier_of(address, body, salt) == identifier


def test_environment_toggle_a_server_that_was_not_told_to_keeps_nothing(http: httpx.Client, db: Db) -> None:
    """docs/specification/vectors.md#vector-17: the body is not even read."""
    token = fresh()
    for answer in (start(http, token), http.post(START, content=b"{"), say(http, token, "user", "hello")):
        body = answer.json()
        assert (answer.status_code, body["success"], body["disabled"]) == (200, True, True)
    assert start(http, token).json() == {"success": True, "disabled": True}
    assert stored_visit(db, token) is None


def test_session_creation_working(visits: httpx.Client, db: Db) -> None:
    token = fresh()
    answer = start(visits, token)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    row = stored_visit(db, token)
    assert row is not None
    assert (row["user_agent"], row["referrer"], row["device_type"]) == (AGENT, "https://example.com", "desktop")
    assert row["user_identifier"] == identifier_of("203.0.113.7", {"userAgent": AGENT}, SALT)
    assert "203.0.113.7" not in str(row), "an address is stored"


def test_the_same_again_is_the_same_and_a_token_of_somebody_else_is_in_use(visits: httpx.Client, db: Db) -> None:
    token = fresh()
    assert [start(visits, token).status_code for _ in range(2)] == [200, 200]
    other = start(visits, token, address="203.0.113.8")
    assert (other.status_code, other.json()["error"]) == (409, "Failed to create session")
    row = db.execute("select count(*) as n from user_sessions where session_token = %s", (token,)).fetchone()
    assert row == {"n": 1}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", "Failed to create session"),
        (b'{"sessionToken": 7}', "Failed to create session"),
        (b"{", "Session start failed"),
        (b"[]", "Session start failed"),
        (b"\xff", "Session start failed"),
    ],
)
def test_errors_are_answered_in_the_words_that_clients_know(visits: httpx.Client, body: bytes, error: str) -> None:
    answer = visits.post(START, content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("path", [START, MESSAGE])
def test_a_page_of_somebody_else_cannot_send_a_form(visits: httpx.Client, path: str) -> None:
    answer = visits.post(path, content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert visits.post(path, content=b"null", headers={"content-type": "application/json"}).status_code == 400


def test_what_a_client_says_of_itself_is_cut_and_an_unknown_device_is_none(visits: httpx.Client, db: Db) -> None:
    token = fresh()
    start(visits, token, userAgent="x" * 9000, referrer="y" * 9000, deviceType="toaster")
    row = stored_visit(db, token)
    assert row is not None
    assert (len(row["user_agent"]), len(row["referrer"]), row["device_type"]) == (512, 2048, None)


def test_who_is_signed_in_owns_their_visit(
    served: Callable[..., str], ada: Person, db: Db, at: Callable[..., httpx.Client]
) -> None:
    token = fresh()
    client = at(ada, served(chat_logging=True, user_id_salt=SALT))
    assert start(client, token).status_code == 200
    row = stored_visit(db, token)
    assert row is not None
    assert row["user_id"] == ada.id


def test_messages_are_kept_and_a_question_asked_before_is_found(visits: httpx.Client, db: Db) -> None:
    token, later, stranger = fresh(), fresh(), fresh()
    start(visits, token), start(visits, later), start(visits, stranger, address="203.0.113.9")
    assert say(visits, token, "user", "How far do arctic terns fly?").json() == {"success": True, "similar": []}
    assert say(visits, token, "assistant", "About 70,000 km a year.").json()["similar"] == []
    (result,) = say(visits, later, "user", "how far does an arctic tern fly").json()["similar"]
    assert (result["question"], result["answer"]) == ("How far do arctic terns fly?", "About 70,000 km a year.")
    assert say(visits, stranger, "user", "How far do arctic terns fly?").json()["similar"] == []
    row = db.execute(
        "select m.similar_qa_matches, m.similarity_scores, m.sequence_order from visit_messages as m"
        " join user_sessions as v on v.id = m.session_id where v.session_token = %s",
        (later,),
    ).fetchone()
    assert row is not None
    assert row["similar_qa_matches"] == [result]
    assert row["similarity_scores"] == pytest.approx([result["similarity"]])
    assert row["sequence_order"] == 1


def test_a_message_needs_an_open_visit(visits: httpx.Client, db: Db) -> None:
    token = fresh()
    assert say(visits, token, "user", "hello").status_code == 404
    start(visits, token)
    assert visits.post(MESSAGE, json={"sessionToken": token, "messageType": "robot"}).status_code == 400
    db.execute("update user_sessions set ended_at = now() where session_token = %s", (token,))
    assert say(visits, token, "user", "hello").status_code == 404


def test_requests_of_one_address_are_counted(served: Callable[..., str], at: Callable[..., httpx.Client]) -> None:
    """Check the limit of class C without a sign-in: docs/specification/decisions.md#visit-privacy."""
    now = datetime.now(UTC)
    client = at(None, served(clock=lambda: now, rate_limits=True, chat_logging=True, user_id_salt=SALT))
    assert [start(client, fresh()).status_code for _ in range(51)] == [200] * 50 + [429]
