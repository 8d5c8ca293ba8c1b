"""HEAD, Allow and CORS of all endpoints."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from accounts import Person
from described import ROUTES

STREAM = "/api/chat/sync/head"
READ = sorted({path for method, path, _ in ROUTES if method == "GET"} - {STREAM})
ELSEWHERE = "https://app.example.org"


VARYING = {"/metrics", "/api/user/export"}
"""Paths whose length differs between two requests: counters, and a time without trailing zeros."""


def filled(path: str) -> str:
    return path.format(name="current_profile_id", relation="chat_sessions", attachment_id="0" * 64)


@pytest.mark.parametrize("path", READ)
def test_head_is_answered_as_get_without_a_body(path: str, ada: Person, http: httpx.Client) -> None:
    for client in (ada.http, http):
        got, head = client.get(filled(path)), client.head(filled(path))
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert int(head.headers["content-length"]) > 0
        if path not in VARYING:
            assert head.headers["content-length"] == got.headers["content-length"]
    assert http.get("/healthz").json() == {"status": "ok"}, "the connection is still good"


def test_a_stream_has_no_head(ada: Person) -> None:
    answer = ada.http.head(STREAM)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", sorted({path for _, path, _ in ROUTES}))
def test_allow_names_every_method_of_a_path(path: str, ada: Person) -> None:
    methods = {method for method, item, _ in ROUTES if item == path}
    methods |= {"HEAD"} if path in READ else set()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
        answer = ada.http.request(method, filled(path))
        assert answer.status_code == 405, method
        assert answer.headers["allow"].split(", ") == sorted(methods)


def preflight(client: httpx.Client, origin: str = ELSEWHERE) -> httpx.Response:
    return client.options(
        "/rest/v1/chat_sessions",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization, apikey, prefer, x-client-info",
        },
    )


def test_without_a_setting_no_page_of_another_origin_is_let_in(http: httpx.Client) -> None:
    assert preflight(http).status_code == 405
    for answer in (preflight(http), http.get("/healthz", headers={"Origin": ELSEWHERE})):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_pages_of_the_origins_that_are_set_may_call_with_a_token(
    served: Callable[..., str], ada: Person, http: httpx.Client
) -> None:
    home = served(cors_origins=(ELSEWHERE, "http://localhost:3000"))
    with httpx.Client(base_url=home, trust_env=False) as client:
        for origin in (ELSEWHERE, "http://localhost:3000"):
            answer = preflight(client, origin)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
            assert "PATCH" in answer.headers["access-control-allow-methods"]
            assert "apikey" in answer.headers["access-control-allow-headers"]
            headers = {"Origin": origin, "Authorization": f"Bearer {ada.token}"}
            read = client.get("/rest/v1/chat_sessions", headers=headers)
            assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, origin)
            assert "Content-Range" in read.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in read.headers
            # a refusal is readable too, whoever gives it
            refused = client.post(
                "/api/chat/sync",
                content=b"x",
                headers=headers | {"Content-Encoding": "br", "Content-Type": "text/plain"},
            )
            assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (415, origin)
        for stranger in ("https://evil.example.org", "http://localhost:3001", "null"):
            assert preflight(client, stranger).status_code == 400
            other = client.get("/healthz", headers={"Origin": stranger})
            assert "access-control-allow-origin" not in other.headers


def test_every_origin_may_be_let_in(served: Callable[..., str]) -> None:
    with httpx.Client(base_url=served(cors_origins=("*",)), trust_env=False) as client:
        assert preflight(client).headers["access-control-allow-origin"] == "*"
