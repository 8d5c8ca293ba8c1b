"""Export and deletion of accounts over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import Db, Person, token_for

ACCOUNT, EXPORT = "/api/user/account", "/api/user/export"
WORD = "correct horse battery"


def signed_up(http: httpx.Client) -> tuple[str, str, dict[str, str]]:
    """Id, email and headers of somebody new, and freshly signed in."""
    email = f"{uuid4().hex}@example.org"
    body = http.post("/auth/v1/signup", json={"email": email, "password": WORD}).json()
    return body["user"]["id"], email, {"authorization": f"Bearer {body['access_token']}"}


def erase(http: httpx.Client, headers: dict[str, str], **body: Any) -> httpx.Response:
    return http.request("DELETE", ACCOUNT, headers=headers, json=body)


def is_there(db: Db, user_id: str) -> bool:
    return db.execute("select 1 from auth.users where id = %s", (user_id,)).fetchone() is not None


def test_everything_is_given(ada: Person, bob: Person) -> None:
    messages = [{"id": "m1", "role": "user", "content": "mine", "timestamp": "2026-03-01T10:00:00Z"}]
    ada.http.post("/api/chat/sync", json={"conversations": [{"id": "a", "title": "Mine", "messages": messages}]})
    session = ada.http.post("/api/analytics/session/start", json={}).json()["session_id"]
    ada.http.post("/api/analytics/events", json={"events": [{"session_id": session, "event_type": "x"}]})
    body = ada.http.get(EXPORT).json()
    assert body["conversations"][0]["messages"][0]["content"] == "mine"
    assert (len(body["visits"]), body["interactions"][0]["event_type"]) == (1, "x")
    assert body["profile"]["id"] == str(ada.id)
    assert "mine" not in bob.http.get(EXPORT).text


def test_an_account_goes_with_its_password(http: httpx.Client, db: Db) -> None:
    user_id, email, _ = signed_up(http)
    headers = {"authorization": f"Bearer {token_for(user_id, email)}"}  # type: ignore[arg-type]
    wrong = erase(http, headers, password="something else")
    assert (wrong.status_code, is_there(db, user_id)) == (403, True)
    assert erase(http, headers, password=WORD).json() == {"success": True}
    assert not is_there(db, user_id)
    assert http.get("/api/user/data", headers=headers).status_code == 401
    assert (
        http.post("/auth/v1/token", json={"grant_type": "password", "email": email, "password": WORD}).status_code
        == 400
    )


def test_a_sign_in_of_just_now_stands_for_a_password(http: httpx.Client, db: Db) -> None:
    user_id, _, headers = signed_up(http)
    assert http.delete(ACCOUNT, headers=headers).json() == {"success": True}
    assert not is_there(db, user_id)


def test_an_older_one_does_not_though_its_token_is_new(
    served: Callable[..., str], at: Callable[..., httpx.Client], db: Db
) -> None:
    began = datetime.now(UTC)
    now = [began]
    client = at(None, served(clock=lambda: now[0]))
    body = client.post("/auth/v1/signup", json={"email": f"{uuid4().hex}@example.org", "password": WORD}).json()
    now[0] = began + timedelta(minutes=11)
    body = client.post(
        "/auth/v1/token", json={"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    ).json()
    refused = erase(client, {"authorization": f"Bearer {body['access_token']}"})
    assert (refused.status_code, is_there(db, body["user"]["id"])) == (403, True)
    assert "ten minutes" in refused.json()["error"]


def test_the_password_of_another_account_opens_nothing(http: httpx.Client, db: Db) -> None:
    first, _, _ = signed_up(http)
    other, email, _ = signed_up(http)
    headers = {"authorization": f"Bearer {token_for(first, email)}"}  # type: ignore[arg-type]
    assert erase(http, headers, password=WORD).status_code == 403
    assert is_there(db, first)
    assert is_there(db, other)


def test_tries_are_counted(served: Callable[..., str], at: Callable[..., httpx.Client]) -> None:
    client = at(None, served(rate_limits=True))
    body = client.post("/auth/v1/signup", json={"email": f"{uuid4().hex}@example.org", "password": WORD}).json()
    headers = {"authorization": f"Bearer {token_for(body['user']['id'], body['user']['email'])}"}
    codes = [erase(client, headers, password="wrong one").status_code for _ in range(11)]
    assert codes == [403] * 9 + [429] * 2, "signing up was one"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_who_is_not_signed_in_is_asked_to(http: httpx.Client, method: str) -> None:
    assert http.request(method, EXPORT if method == "GET" else ACCOUNT).status_code == 401


def test_more_than_the_database_can_put_together_is_no_fault_that_passes(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again does not help above PostgreSQL's 256 MiB for a JSON value: neither 503 nor Retry-After is sent."""
    too_long = "select repeat(' ', 2147483647) as data, %s::uuid"
    monkeypatch.setattr("sterna.server.routes.account.EXPORT", too_long)
    answer = ada.http.get(EXPORT)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert "retry-after" not in answer.headers
