"""Common headers, the request log and metrics, and what they must not contain."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from accounts import Person
from prometheus_client.parser import text_string_to_metric_families

from sterna.server.database.pool import Database
from sterna.server.http.observability import request_id

SYNC = "/api/chat/sync"
MADE = re.compile(r"req_\d{13}_[0-9a-z]{6}")
REQUESTS, SECONDS = "sterna_http_requests_total", "sterna_http_request_seconds_count"

SECRET_TEXT = "canary-exception"
"""Named, because a traceback shows the line that raised, including its literals."""


def send(
    address: str, method: str, path: str, body: bytes | None = None, headers: dict[str, Any] | None = None
) -> HTTPResponse:
    """Send a request without validating it and without logging."""
    to = urlsplit(address)
    connection = HTTPConnection(to.hostname or "", to.port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.details for record in caplog.records if record.name == "sterna.server.requests"]  # type: ignore[attr-defined]


def line(caplog: pytest.LogCaptureFixture, named: str) -> dict[str, Any]:
    (result,) = [line for line in lines(caplog) if line["id"] == named]
    return result


@pytest.mark.parametrize("header", ["x-request-id", "X-Correlation-ID"])
@pytest.mark.parametrize("named", ["a", "0123.ABC_def-9", "x" * 128])
def test_a_request_keeps_the_name_it_came_with(http: httpx.Client, header: str, named: str) -> None:
    assert http.get("/healthz", headers={header: named}).headers["x-request-id"] == named


def test_of_two_names_the_request_id_counts(http: httpx.Client) -> None:
    answer = http.get("/healthz", headers={"x-correlation-id": "two", "x-request-id": "one"})
    assert answer.headers.get_list("x-request-id") == ["one"]
    answer = http.get("/healthz", headers={"x-correlation-id": "two", "x-request-id": "o n e"})
    assert answer.headers["x-request-id"] == "two"


@pytest.mark.parametrize("named", [b"", b" ", b"x" * 500, b"a b", b"a\x1b[31mb", b"a\tb", b"<script>", b"a;b", b"\xe9"])
def test_a_name_that_is_no_plain_word_is_replaced(address: str, named: bytes) -> None:
    # some of these the parser refuses by itself
    answer = send(address, "GET", "/healthz", headers={"x-request-id": named})
    assert (answer.status == 400 and b"\x1b" in named) or MADE.fullmatch(answer.headers["x-request-id"])


def test_a_line_break_never_gets_into_a_name() -> None:
    for named in (b"a\nb", b"a\r\nx: y", b"a\n"):
        assert MADE.fullmatch(request_id({"headers": [(b"x-request-id", named)]}, 1763740800.5))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/nothing"),
        ("POST", SYNC),
        ("GET", SYNC),
        ("DELETE", "/healthz"),
        ("GET", "/device"),
    ],
)
def test_every_answer_is_bare_of_guesses_caches_and_referrers(http: httpx.Client, method: str, path: str) -> None:
    headers = http.request(method, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == ("same-origin" if path == "/device" else "no-referrer")
    assert headers["sync-server"].startswith("1;")
    assert MADE.fullmatch(headers["x-request-id"])
    assert "server" not in headers


def test_each_request_is_one_line_with_its_route_and_nothing_of_its_path(
    ada: Person, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = b'{"conversations": []}'
    mine = {"authorization": f"Bearer {ada.token}", "content-type": "application/json"}
    send(address, "POST", f"{SYNC}?more=1", body, mine | {"x-request-id": "one"})
    send(address, "GET", "/nothing/here", headers={"x-request-id": "two"})
    send(address, "DELETE", SYNC, headers=mine | {"x-request-id": "three"})
    send(address, "POST", SYNC, b"", {"content-encoding": "br", "transfer-encoding": "x", "x-request-id": "four"})

    result = line(caplog, "one")
    assert result.pop("ms") > 0
    assert result.pop("out") > 0
    assert result == {
        "id": "one",
        "method": "POST",
        "route": SYNC,
        "status": 200,
        "in": len(body),
        "user": str(ada.id),
    }
    result = line(caplog, "two")
    assert (result["route"], result["status"], "user" in result) == ("unknown", 404, False)
    assert line(caplog, "three")["status"] == 405


def seen(record: logging.LogRecord) -> str:
    """All that any formatter could make of it."""
    return logging.Formatter().format(record) + repr(record.__dict__)


async def _raises(self: Database, who: Any, work: Any) -> None:
    raise RuntimeError(SECRET_TEXT)


async def _refused_by_postgres(self: Database, who: Any, work: Any) -> None:
    async with self.transaction(who) as connection:
        await connection.execute(f"select '{SECRET_TEXT}' from nowhere where x = %s", (SECRET_TEXT,))


def test_nothing_that_people_write_or_keep_secret_is_ever_logged(
    person: Callable[..., Person], address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = person(full_name="canary-name")
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "psycopg", "psycopg.pool", "asyncio", "sterna.server"):
        caplog.set_level(logging.DEBUG, logger=name)
    as_json = {"content-type": "application/json"}
    mine = as_json | {"authorization": f"Bearer {ada.token}"}
    message = {"id": "canary-message", "role": "user", "content": "canary-content", "timestamp": "2025-11-20T17:34:55Z"}
    conversation = {"id": "canary-id", "title": "canary-title", "messages": [message]}
    good = json.dumps({"conversations": [conversation]}).encode()
    bad = json.dumps({"conversations": [conversation | {"title": "canary-title" * 50}]}).encode()
    email = f"canary-{uuid4().hex}@example.org"
    account = json.dumps({"email": email, "password": "canary-password"}).encode()
    grant = "/auth/v1/token?grant_type="

    send(address, "POST", SYNC, good, mine)
    send(address, "POST", SYNC, bad, mine)
    send(address, "POST", SYNC, good[:-1], mine)
    send(address, "POST", SYNC, good, mine | {"content-encoding": "gzip"})
    send(address, "POST", SYNC, good, as_json)
    send(address, "POST", SYNC, good, mine | {"content-type": "text/canary-type"})
    send(address, "GET", "/api/chat/search?q=canary-query&limit=canary-limit", headers=mine)
    send(address, "GET", "/canary-path?canary-query=1", headers=mine | {"referer": "http://canary-referer"})
    send(address, "GET", SYNC, headers={"authorization": "Bearer canary-token"})
    send(address, "GET", SYNC, headers={"authorization": f"Bearer {ada.token}canary"})
    send(address, "GET", SYNC, headers={"cookie": "sb-localhost-auth-token=canary-cookie"})
    send(address, "GET", SYNC, headers={"x-request-id": "canary request id"})
    send(address, "GET", "/canary%20path", headers={"x-forwarded-for": "canary-forwarded"})
    for _ in range(2):
        send(address, "POST", "/auth/v1/signup", account, as_json)
    send(address, "POST", f"{grant}password", account, as_json)
    send(address, "POST", f"{grant}password", account.replace(b"word", b"xxxx"), as_json)
    send(address, "POST", f"{grant}refresh_token", b'{"refresh_token": "canary-refresh"}', as_json)
    for broken in (_raises, _refused_by_postgres):
        with monkeypatch.context() as patch:
            patch.setattr(Database, "read", broken)
            patch.setattr(Database, "write", broken)
            assert send(address, "POST", SYNC, good, mine).status == 500

    # uvicorn's own line of a request, with its query string, is off. A logger that passes nothing on gets a handler of
    # caplog's, and uvicorn writes when there is one: what it writes then, nobody reads outside of tests.
    assert not logging.getLogger("uvicorn.access").propagate
    records = [record for record in caplog.records if record.name != "uvicorn.access"]
    assert len(lines(caplog)) >= 18
    assert "RuntimeError" in caplog.text
    signature = ada.token.rpartition(".")[2]
    for record in records:
        result = seen(record)
        assert not re.search(r"canary[- ]", result), result
        assert signature not in result
        assert ada.email not in result


def figures(address: str, **headers: str) -> dict[tuple[str, ...], float]:
    """Return the samples by name and label values, parsed like Prometheus."""
    answer = httpx.get(f"{address}/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.text))
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_what_is_asked_is_counted_by_route_and_never_by_path(served: Callable[..., str], ada: Person) -> None:
    address = served()
    mine = {"authorization": f"Bearer {ada.token}"}
    for n in range(3):
        send(address, "GET", f"/api/chat/messages?session_id=ada-{n}", headers=mine)
        send(address, "GET", f"/invented/{n}")
        send(address, "PURGE" if n else "MKCOL", f"/made-up/{n}")
    send(address, "GET", SYNC)
    send(address, "POST", SYNC, b"{")
    result = figures(address)
    assert result[REQUESTS, "GET", "/api/chat/messages", "404"] == 3
    assert result[REQUESTS, "GET", "unknown", "404"] == 3
    assert result[REQUESTS, "OTHER", "unknown", "404"] == 3
    assert result[REQUESTS, "GET", SYNC, "401"] == 1
    assert result[SECONDS, "GET", "/api/chat/messages"] == 3
    assert result["sterna_pool", "pool_size"] >= 1
    assert not re.search("ada-|invented|made-up|PURGE|MKCOL", repr(result))
    send(address, "GET", SYNC)
    assert figures(address)[REQUESTS, "GET", SYNC, "401"] == 2


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_who_comes_through_a_proxy_sees_no_figures(served: Callable[..., str], name: str) -> None:
    address = served(metrics_token="the token")
    through = {name: "for=127.0.0.1" if name == "forwarded" else "127.0.0.1"}
    refused = httpx.get(f"{address}/metrics", headers=through)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    for wrong in ("Bearer", "Bearer ", "Bearer the tokem", "Basic the token", "Bearer th\xe9 token"):
        result = through | {"authorization": wrong}
        assert (
            send(address, "GET", "/metrics", headers={k: v.encode("latin-1") for k, v in result.items()}).status == 404
        )
    assert figures(address, **through, authorization="bearer the token")
    assert figures(address)


def test_without_a_token_of_its_own_no_token_shows_the_figures(served: Callable[..., str]) -> None:
    address = served()
    for given in ("Bearer", "Bearer ", "Bearer  "):
        assert send(address, "GET", "/metrics", headers={"x-real-ip": "x", "authorization": given}).status == 404
