"""Malformed JSON, and JSON that PostgreSQL cannot store, at every endpoint with a body."""

from __future__ import annotations

import codecs
from typing import Any

import httpx
import pytest
from accounts import Person
from described import DOCUMENT

SYNC = "/api/chat/sync"
NO_OBJECT = [b"[]", b'"text"', b"1", b"null", b"true", b"[{}]"]
MALFORMED = {
    "nothing": b"",
    "blanks": b"  \n",
    "a brace": b"{",
    "half": b'{"conversations": [',
    "two values": b"{} {}",
    "a comma": b'{"a": 1,}',
    "quotes": b"{'a': 1}",
    "a raw NUL": b'{"a": "\0"}',
    "half a character": b'{"a": "\xc3"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "latin-1": '{"a": "é"}'.encode("latin-1"),
    "UTF-16": codecs.BOM_UTF16_LE + "{}".encode("utf-16-le"),
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "40 levels": b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}",
    "40 levels of objects": b'{"a": ' * 40 + b"1" + b"}" * 40,
    "sixty thousand levels": b'{"a": ' + b"[" * 60_000,
}


UNREAD = {"/api/chat/session/start", "/api/chat/session/message"}
"""Endpoints that read no body when visits are not stored; test_visits_endpoint tests them otherwise.

See docs/specification/endpoints.md#visits.
"""
OPTIONAL = {("DELETE", "/api/user/account"), ("POST", "/rest/v1/rpc/{name}")}
"""Endpoints that also accept an absent body."""


POSTGREST = {"bad_request": "PGRST102", "unsupported_media_type": "PGRST107"}
"""Error codes of the endpoints in PostgREST's format."""


ENDPOINTS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if path not in UNREAD and "application/json" in operation.get("requestBody", {}).get("content", {})
]
"""Endpoints that take a JSON body."""


def sent(http: httpx.Client, body: bytes, to: tuple[str, str] = ("POST", SYNC), kind: str = "") -> httpx.Response:
    return http.request(*to, content=body, headers={"content-type": kind or "application/json"})


def is_refused(answer: httpx.Response, status: int = 400, code: str = "bad_request") -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    if answer.url.path.startswith("/rest/"):
        assert list(body) == ["code", "message", "details", "hint"]
        assert body["code"] == POSTGREST[code]
        return
    assert body["code"] == code
    assert body["error"]
    assert body["timestamp"].endswith("Z")


def test_all_endpoints_with_a_body_are_asked() -> None:
    assert {
        ("POST", SYNC),
        ("POST", "/api/chat/messages"),
        ("POST", "/api/chat/sessions"),
        ("PATCH", "/api/chat/sessions"),
        ("POST", "/api/chat/session"),
        ("POST", "/api/chat"),
        ("POST", "/api/chat/stream"),
        ("PUT", "/api/user/data"),
        ("POST", "/auth/v1/signup"),
        ("POST", "/auth/v1/token"),
        ("PUT", "/auth/v1/user"),
    } <= set(ENDPOINTS)


@pytest.mark.parametrize("to", ENDPOINTS, ids=" ".join)
def test_a_body_that_is_no_object_is_a_bad_request(ada: Person, to: tuple[str, str]) -> None:
    for body in [*NO_OBJECT, *MALFORMED.values()]:
        if to not in OPTIONAL or body not in (b"", b"null"):
            is_refused(sent(ada.http, body, to))


@pytest.mark.parametrize("name", [name for name in MALFORMED if name != "nothing"])
def test_malformed_json_is_refused_before_anybody_asks_who_sends_it(http: httpx.Client, name: str) -> None:
    is_refused(sent(http, MALFORMED[name]))


@pytest.mark.parametrize("to", ENDPOINTS, ids=" ".join)
@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/jsonp", "a/b;", "json"])
def test_a_body_of_another_kind_is_refused(ada: Person, to: tuple[str, str], kind: str) -> None:
    is_refused(sent(ada.http, b"{}", to, kind), 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"])
def test_json_has_more_than_one_name(ada: Person, kind: str) -> None:
    assert sent(ada.http, b'{"conversations": []}', kind=kind).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        codecs.BOM_UTF8 + b'{"conversations": []}',
        b'{"conversations": 1, "conversations": []}',
        b'{"conversations": [], "more": ' + b"[" * 31 + b"]" * 31 + b"}",
        b'{"conversations": [], "more": 1e308, "and": ' + b"9" * 4000 + b"}",
    ],
    ids=["BOM", "the last of two", "32 levels", "large numbers"],
)
def test_unusual_json_is_taken(ada: Person, body: bytes) -> None:
    assert sent(ada.http, body).status_code == 200


def test_what_cannot_be_kept_is_cleaned_in_keys_and_values(ada: Person) -> None:
    body = rb"""{"conversations": [{"id": "a\u0000b", "title": "t\u0000\ud800\uD83D\uDE00\udc00", "messages": [
        {"id": "m\ud800", "role": "assistant", "timestamp": "2025-11-20T17:34:55.000Z",
         "content": "\u0000one\u0000 two \ud83d\ude00 \udfffx \\u0000 \\ud800",
         "reasoning_details": [{"k\u0000ey\udbff": "v\u0000\ud83d", "list": ["\u0000"]}]}]}]}"""
    answer = sent(ada.http, body)
    assert answer.json()["results"]["details"] == [{"conversationId": "ab", "status": "synced", "messageCount": 1}]
    conversations = ada.http.get(SYNC, params={"summary_only": "false"}).json()["conversations"]
    assert [(item["id"], item["title"]) for item in conversations] == [("ab", "t\ufffd😀\ufffd")]
    message: dict[str, Any] = conversations[0]["messages"][0]
    assert message["id"] == "m\ufffd"
    assert message["content"] == "one two 😀 \ufffdx \\u0000 \\ud800"
    assert message["reasoning_details"] == [{"key\ufffd": "v\ufffd", "list": [""]}]


@pytest.mark.parametrize(
    "query", ["q=%00heap", "q=hea%00p", "q=%%0000heap", "q=%%00%0000heap", "q=%ed%a0%80", "q=%ff", "q=heap%", "%00=%00"]
)
def test_a_query_string_may_hold_anything(ada: Person, query: str) -> None:
    # as a raw path: httpx would escape what a hostile client does not
    url = ada.http.base_url.copy_with(raw_path=b"/api/chat/search?" + query.encode())
    answer = ada.http.send(httpx.Request("GET", url, headers=ada.http.headers))
    assert answer.status_code in (200, 400), answer.text


def test_too_many_small_values_are_too_large(ada: Person) -> None:
    is_refused(sent(ada.http, b'{"a": [' + b"[]," * 1_000_000 + b"[]]}"), 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/api/chat/sync", "/auth/v1/signup", "/api/chat"])
def test_a_large_body_of_a_stranger_is_not_even_parsed(http: httpx.Client, path: str) -> None:
    small, large = b"{" * 1_000, b"{" * 70_000
    as_json = {"content-type": "application/json"}
    assert http.post(path, content=small, headers=as_json).status_code in (400, 401)
    answer = http.post(path, content=large, headers=as_json)
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")
    forged = http.post(path, content=large, headers=as_json | {"authorization": "Bearer a.b.c"})
    assert forged.status_code == 401


def test_a_large_body_of_somebody_known_is_parsed(ada: Person) -> None:
    body = {"conversations": [], "padding": "x" * 70_000}
    assert ada.http.post("/api/chat/sync", json=body).status_code == 200
