"""Errors have one format, and reveal nothing private."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from accounts import Person
from error_bodies import assert_error_body

from sterna.server.database.pool import Connection, Database
from sterna.server.errors import STATUS, ApiError, unavailable

SYNC = "/api/chat/sync"
CANARY = "canary-of-ada"


def is_refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body: dict[str, Any] = answer.json()
    assert_error_body(body, code)
    assert None not in body.values()
    assert not re.search(r"traceback|psycopg|select |insert |\.py|relation|canary", answer.text, re.IGNORECASE)
    return body


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("GET", f"/{CANARY}", {}, 404, "not_found"),
        ("GET", f"/api/chat/{CANARY}/../x", {}, 404, "not_found"),
        ("GET", "/api/chat/sync/", {}, 404, "not_found"),
        ("GET", "/%00/%ff", {}, 404, "not_found"),
        ("DELETE", "/healthz", {}, 405, "method_not_allowed"),
        ("PUT", SYNC, {"content": CANARY}, 405, "method_not_allowed"),
        ("MKCOL", SYNC, {}, 405, "method_not_allowed"),
        ("GET", SYNC, {}, 401, "auth_required"),
        ("GET", SYNC, {"headers": {"authorization": f"Bearer {CANARY}"}}, 401, "auth_required"),
        ("POST", SYNC, {"json": {"conversations": [{"title": CANARY}]}}, 401, "auth_required"),
        ("POST", SYNC, {"content": CANARY, "headers": {"content-type": "application/json"}}, 400, "bad_request"),
        ("POST", "/auth/v1/signup", {"json": {"password": [CANARY]}}, 400, "bad_request"),
        ("POST", SYNC, {"content": CANARY}, 415, "unsupported_media_type"),
        ("POST", SYNC, {"content": b" " * (10 * 1024 * 1024 + 1)}, 413, "payload_too_large"),
    ],
)
def test_a_refusal_is_refused(
    http: httpx.Client, method: str, path: str, more: dict[str, Any], status: int, code: str
) -> None:
    is_refused(http.request(method, path, **more), status, code)


def test_a_method_that_is_not_allowed_is_told_which_are(http: httpx.Client) -> None:
    assert http.delete("/healthz").headers["allow"] == "GET, HEAD"


def test_too_many_requests_are_told_how_long_to_wait(served: Callable[..., str]) -> None:
    address = served(rate_limits=True)
    for _ in range(10):
        httpx.post(f"{address}/api/chat", json={})
    answer = httpx.post(f"{address}/api/chat", json={})
    result = is_refused(answer, 429, "rate_limit_exceeded")
    assert answer.headers["retry-after"] == str(result["retryAfter"])


def test_a_database_that_is_away_is_told_as_such(served: Callable[..., str], ada: Person) -> None:
    address = served(
        database_url="postgresql://sterna_app@127.0.0.1:1/sterna", service_url="", admin_url="", pool_seconds=0.2
    )
    answer = httpx.get(f"{address}{SYNC}", headers={"authorization": f"Bearer {ada.token}"})
    result = is_refused(answer, 503, "service_unavailable")
    assert answer.headers["retry-after"] == str(result["retryAfter"])
    is_refused(httpx.get(f"{address}/readyz"), 503, "service_unavailable")


async def _raises(*_: Any) -> None:
    raise RuntimeError(f"select {CANARY} from psycopg")


async def _fails(self: Database, who: Any, work: Any) -> None:
    async with self.transaction(who) as connection:
        await connection.execute(f"insert into relation_{CANARY.replace('-', '_')} values (1)")


async def _divides(self: Database, who: Any, work: Any) -> Any:
    async def also(connection: Connection) -> Any:
        await connection.execute("select %s::int / 0, %s::text", (1, CANARY))
        return await work(connection)

    async with self.transaction(who) as connection:
        return await also(connection)


@pytest.mark.parametrize("broken", [_raises, _fails, _divides])
def test_a_mistake_of_ours_tells_nothing(ada: Person, monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    with _replaced(monkeypatch, broken):
        result = is_refused(ada.http.get(SYNC), 500, "internal_server_error")
    assert set(result) == {"error", "message", "code", "timestamp"}
    assert ada.http.get(SYNC).status_code == 200


@contextmanager
def _replaced(monkeypatch: pytest.MonkeyPatch, broken: Any) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", broken)
        yield


def test_every_code_makes_a_body_without_empty_keys() -> None:
    for code, status in STATUS.items():
        error = ApiError(code, "A sentence.")
        assert error.status == status
        assert set(error.body()) == {"error", "message", "code", "timestamp"}
    assert unavailable(1).body()["retryAfter"] == 1
    assert ApiError("conflict", "A sentence.", suggestions=["Try."]).body()["suggestions"] == ["Try."]
