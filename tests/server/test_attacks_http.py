"""Requests of another account with Ada's ids reveal nothing about her data and change nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import SECRET, Db, Person, token_for
from described import DOCUMENT

from sterna.server.auth.tokens import Tokens
from sterna.server.settings import ServerSettings

MARK = "ada-s own words"
DEVICE = {"sync-client": "test/1; proto=1-1"}
Request = dict[str, Any]


def _conversation(ids: dict[str, str]) -> Request:
    message = {"id": ids["message"], "role": "user", "content": "theirs", "timestamp": "2026-03-01T10:00:00.000Z"}
    return {"id": ids["session"], "title": "theirs", "messages": [message], "messageCount": 1, "totalTokens": 0}


def _ops(ids: dict[str, str]) -> Request:
    """Push of a device that edits, deletes and restores foreign rows."""
    session, message = ids["session"], ids["message"]
    ops = [
        {"kind": "c", "op": "restore", "id": session, "value": {"title": "theirs"}},
        {"kind": "m", "op": "put", "id": message, "session": session, "value": {"role": "user", "content": "theirs"}},
        {"kind": "m", "op": "del", "id": f"{message}-2", "session": session},
    ]
    return {"conversations": [], "sync": {"replica": session, "push_seq": 1, "ops": ops}}


NAMING: dict[tuple[str, str], Callable[[dict[str, str]], list[Request]]] = {
    ("POST", "/api/chat/sync"): lambda ids: [
        {"json": {"conversations": [_conversation(ids)]}},
        {"json": {"conversations": [_conversation(ids) | {"userId": ids["user"]}]}},
        {"json": _ops(ids), "headers": DEVICE},
    ],
    ("GET", "/api/chat/sync"): lambda ids: [
        {"params": {"summary_only": "false", "cursor_id": ids["session"], "cursor_ts": "2100-01-01T00:00:00Z"}},
        {"params": {"since": "0"}},
        {"params": {"since": "0"}, "headers": DEVICE},
        {"params": {"session": ids["session"], "since": "0"}, "headers": DEVICE},
        {"params": {"newest": "10"}, "headers": DEVICE},
    ],
    # without the header that it needs: with it, it does not end
    ("GET", "/api/chat/sync/head"): lambda ids: [{"params": {"user_id": ids["user"]}}],
    ("GET", "/api/chat/messages"): lambda ids: [{"params": {"session_id": ids["session"]}}],
    ("POST", "/api/chat/messages"): lambda ids: [
        {"json": {"sessionId": ids["session"], "messages": _conversation(ids)["messages"]}},
        {"json": {"sessionId": "theirs", "messages": _conversation(ids)["messages"]}},
    ],
    ("GET", "/api/chat/sessions"): lambda ids: [{"params": {"id": ids["session"], "user_id": ids["user"]}}],
    ("POST", "/api/chat/sessions"): lambda ids: [{"json": {"id": ids["session"], "title": "theirs"}}],
    ("PATCH", "/api/chat/sessions"): lambda ids: [{"json": {"id": ids["session"], "title": "theirs"}}],
    ("DELETE", "/api/chat/sessions"): lambda ids: [{"params": {"id": ids["session"]}}],
    ("GET", "/api/chat/session"): lambda ids: [{"params": {"id": ids["session"]}}],
    ("POST", "/api/chat/session"): lambda ids: [{"json": {"id": ids["session"], "title": "theirs"}}],
    ("DELETE", "/api/chat/clear-all"): lambda ids: [{"params": {"user_id": ids["user"]}}],
    ("GET", "/api/chat/search"): lambda ids: [{"params": {"q": MARK}}, {"params": {"q": ids["session"]}}],
    ("POST", "/api/chat"): lambda ids: [{"json": {"message": "hello", "current_message_id": ids["message"]}}],
    ("POST", "/api/chat/stream"): lambda ids: [{"json": {"message": "hello", "current_message_id": ids["message"]}}],
    ("GET", "/api/models"): lambda ids: [{"params": {"user_id": ids["user"]}}],
    ("GET", "/api/user/data"): lambda ids: [{"params": {"id": ids["user"]}}],
    ("PUT", "/api/user/data"): lambda ids: [{"json": {"id": ids["user"], "preferences": {"ui": {"theme": "light"}}}}],
    ("POST", "/api/chat/session/start"): lambda ids: [
        {"json": {"sessionToken": ids["session"], "user_id": ids["user"]}}
    ],
    ("POST", "/api/chat/session/message"): lambda ids: [
        {"json": {"sessionToken": ids["session"], "messageType": "user", "content": MARK}}
    ],
    ("POST", "/api/analytics/session/start"): lambda ids: [{"json": {"deviceInfo": {"user_id": ids["user"]}}}],
    ("POST", "/api/analytics/session/end"): lambda ids: [{"json": {"sessionId": ids["visit"]}}],
    ("POST", "/api/analytics/events"): lambda ids: [
        {"json": {"events": [{"session_id": ids["visit"], "event_type": "theirs", "user_id": ids["user"]}]}}
    ],
    ("POST", "/rest/v1/rpc/{name}"): lambda ids: [
        {"name": "start_user_session", "json": {"p_user_id": ids["user"]}},
        {"name": "end_user_session", "json": {"p_session_id": ids["visit"]}},
        {"name": "track_user_interaction", "json": {"p_session_id": ids["visit"], "p_event_type": "theirs"}},
        {"name": "export_user_data", "json": {"user_uuid": ids["user"]}},
        {"name": "get_user_stats", "json": {"p_clerk_id": ids["user"]}},
        {
            "name": "get_session_with_messages",
            "json": {"session_text_id": ids["session"], "requesting_user_uuid": ids["user"]},
        },
        {"name": "log_user_activity", "json": {"p_user_id": ids["user"], "p_action": "theirs"}},
    ],
    ("GET", "/rest/v1/rpc/{name}"): lambda ids: [
        {"name": "export_user_data", "params": {"user_uuid": ids["user"]}},
        {"name": "get_user_recent_sessions", "params": {"user_uuid": ids["user"], "select": "id,title"}},
        {"name": "count_session_events", "params": {"p_session_id": ids["visit"]}},
    ],
    ("GET", "/rest/v1/{relation}"): lambda ids: [
        {"relation": "chat_sessions", "params": {"id": f"eq.{ids['session']}"}},
        {"relation": "chat_messages", "params": {"or": f"(session_id.eq.{ids['session']},content.ilike.*{MARK}*)"}},
        {"relation": "profiles", "params": {"id": f"eq.{ids['user']}"}},
        {"relation": "users", "params": {"email": f"eq.{ids['email']}"}},
        {"relation": "chat_memory", "params": {"session_id": f"in.({ids['session']})"}},
        {"relation": "user_sessions", "params": {"user_id": f"eq.{ids['user']}"}},
        {"relation": "sync_rows", "params": {"user_id": f"eq.{ids['user']}"}},
    ],
    ("GET", "/api/user/usage"): lambda ids: [{"params": {"user_id": ids["user"]}}],
    ("GET", "/api/user/export"): lambda ids: [{"params": {"user_id": ids["user"]}}],
    ("DELETE", "/api/user/account"): lambda ids: [
        {"json": {"password": "theirs, long enough", "user_id": ids["user"], "email": ids["email"]}}
    ],
    ("POST", "/auth/v1/signup"): lambda ids: [{"json": {"email": ids["email"], "password": "theirs, long enough"}}],
    ("POST", "/auth/v1/token"): lambda ids: [
        {"params": {"grant_type": "password"}, "json": {"email": ids["email"], "password": "theirs, long enough"}},
        {"params": {"grant_type": "refresh_token"}, "json": {"refresh_token": ids["user"]}},
    ],
    ("GET", "/auth/v1/user"): lambda ids: [{"params": {"id": ids["user"]}}],
    ("PUT", "/auth/v1/user"): lambda ids: [{"json": {"id": ids["user"], "data": {"full_name": "theirs"}}}],
    ("POST", "/auth/v1/logout"): lambda ids: [{"json": {"user_id": ids["user"]}}],
    ("POST", "/auth/v1/device/code"): lambda ids: [{"json": {"client_id": ids["user"]}}],
    ("POST", "/auth/v1/recover"): lambda ids: [{"json": {"email": ids["email"]}}],
    ("POST", "/auth/v1/verify"): lambda ids: [
        {"json": {"type": "recovery", "token": ids["session"], "email": ids["email"]}}
    ],
    ("GET", "/auth/v1/settings"): lambda ids: [{"params": {"email": ids["email"]}}],
    ("POST", "/auth/v1/otp"): lambda ids: [{"json": {"email": ids["email"]}}],
    ("POST", "/auth/v1/magiclink"): lambda ids: [{"json": {"email": ids["email"]}}],
    ("GET", "/recover"): lambda ids: [{"params": {"code": ids["session"]}}],
    ("POST", "/recover"): lambda ids: [
        {"data": {"code": ids["session"], "password": "theirs, long enough", "again": "theirs, long enough"}}
    ],
    ("GET", "/device"): lambda ids: [{"params": {"user_code": ids["session"]}}],
    ("POST", "/device"): lambda ids: [
        {"data": {"user_code": ids["session"], "email": ids["email"], "password": "theirs"}}
    ],
    ("POST", "/api/chat/attachments"): lambda ids: [{"json": {"ids": [ids["file"]]}}],
    ("GET", "/api/chat/attachments/{attachment_id}"): lambda ids: [{"file": ids["file"]}],
    ("PUT", "/api/chat/attachments/{attachment_id}"): lambda ids: [
        {
            "file": ids["file"],
            "params": {"size": "6", "offset": "0"},
            "content": b"theirs",
            "headers": {"content-type": "application/octet-stream"},
        }
    ],
    ("GET", "/healthz"): lambda ids: [{}],
    ("GET", "/readyz"): lambda ids: [{}],
    ("GET", "/metrics"): lambda ids: [{}],
}
"""Places of ids in requests, by endpoint."""

PAGES = [("GET", "/device"), ("POST", "/device"), ("GET", "/recover"), ("POST", "/recover"), ("GET", "/metrics")]
"""Paths that are not in the API description."""

ENDPOINTS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods] + PAGES

TELLING = {("POST", "/auth/v1/signup")}
"""Reveals that an address has an account, as GoTrue does."""


@pytest.fixture
def hers(ada: Person) -> dict[str, str]:
    """Ada's ids, once she has a conversation."""
    ids = {"session": f"conv_{uuid4().hex}", "message": f"msg_{uuid4().hex}", "user": str(ada.id), "email": ada.email}
    conversation = _conversation(ids) | {"title": MARK}
    conversation["messages"][0]["content"] = MARK
    answer = ada.http.post("/api/chat/sync", json={"conversations": [conversation]})
    assert answer.json()["results"]["synced"] == 1, answer.text
    started = ada.http.post("/api/analytics/session/start", json={})
    file = hashlib.sha256(content := f"{MARK} {ids['message']}".encode()).hexdigest()
    stored = ada.http.put(
        f"/api/chat/attachments/{file}",
        params={"size": len(content), "offset": 0},
        content=content,
        headers={"content-type": "application/octet-stream"},
    )
    assert stored.json()["complete"], stored.text
    return ids | {"visit": started.json()["session_id"], "file": file}


def _nobodys() -> dict[str, str]:
    some = uuid4()
    email = f"{some.hex[:12]}@example.org"
    return {
        "session": f"conv_{some.hex}",
        "message": f"msg_{uuid4().hex}",
        "user": str(some),
        "email": email,
        "visit": str(uuid4()),
        "file": hashlib.sha256(some.bytes).hexdigest(),
    }


def _rows(db: Db, ada: Person) -> dict[str, Any]:
    """Every row of every table that has Ada as its owner."""
    named = db.execute(
        "select table_schema as s, table_name as t, column_name as c from information_schema.columns"
        " join information_schema.tables using (table_schema, table_name)"
        " where table_type = 'BASE TABLE' and table_schema in ('public', 'auth', 'sterna')"
        " and (column_name = 'user_id' or (table_name in ('users', 'profiles') and column_name = 'id'))"
    ).fetchall()
    assert len(named) > 8
    return {
        f"{at['s']}.{at['t']}": db.execute(
            f'select t::text as row from "{at["s"]}"."{at["t"]}" as t where "{at["c"]}" = %s order by 1', (ada.id,)
        ).fetchall()
        for at in named
    }


def _unsigned(claims: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


@pytest.fixture
def attackers(address: str, ada: Person, bob: Person, settings: ServerSettings) -> Iterator[dict[str, httpx.Client]]:
    """Clients of everybody who is not Ada, by what they are."""
    past = datetime.now(UTC) - timedelta(days=30)
    claims = {"sub": str(ada.id), "role": "authenticated", "aud": "authenticated", "exp": 4_000_000_000}
    header, body, _ = ada.token.split(".")
    tokens = {
        "nobody": "",
        "an expired token": Tokens(replace(settings), SECRET, lambda: past).access(ada.id, ada.email),
        "a forged token": Tokens(settings, "another secret, long enough for HS256", lambda: datetime.now(UTC)).access(
            ada.id, ada.email
        ),
        "a token without a signature": _unsigned(claims),
        "a token whose signature is cut off": f"{header}.{body}.",
        "somebody who does not exist": token_for(uuid4()),
    }
    made = {
        name: httpx.Client(base_url=address, timeout=30, headers={"authorization": f"Bearer {token}"} if token else {})
        for name, token in tokens.items()
    }
    yield made | {"bob": bob.http}
    for client in made.values():
        client.close()


def test_every_endpoint_is_attacked() -> None:
    there = set(ENDPOINTS)
    assert not there - NAMING.keys(), "add these endpoints to NAMING"
    assert not NAMING.keys() - there, "these are no endpoints of the server"


def _plain(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Status and body without what an answer must differ in: ids that it was sent, times, what it makes up."""
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?", "<time>", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "<uuid>", text)
    text = re.sub(r'"(executionTimeMs|expires_at|device_code|user_code|verification_uri_complete)": ?[^,}]+', "", text)
    text = re.sub(r'"(seen|cur|seq|created|time|ver)": ?("[^"]*"|\d+)', "", text)
    return answer.status_code, text


def _filled(path: str, request: dict[str, Any]) -> str:
    """Return the path with its parameters filled in."""
    return path.format(
        name=request.pop("name", ""), relation=request.pop("relation", ""), attachment_id=request.pop("file", "")
    )


def _empty(db: Db, bob: Person) -> None:
    """Bob has nothing again: what he did with one id must not speak when he does it with another."""
    db.execute("delete from chat_sessions where user_id = %s", (bob.id,))
    db.execute("delete from sync_rows where user_id = %s", (bob.id,))
    db.execute("delete from attachments where user_id = %s", (bob.id,))


def test_nothing_of_hers_is_read_or_changed_and_her_ids_are_answered_as_unknown_ones(
    db: Db,
    ada: Person,
    bob: Person,
    hers: dict[str, str],
    attackers: dict[str, httpx.Client],
) -> None:
    before = _rows(db, ada)
    values = []
    for method, path in ENDPOINTS:
        if path == "/metrics":
            continue  # counts every request, so no two answers are the same
        for name, client in attackers.items():
            unknown = _nobodys()
            pairs = zip(NAMING[method, path](hers), NAMING[method, path](unknown), strict=True)
            for her_request, other_request in pairs:
                _empty(db, bob)
                response = client.request(method, _filled(path, her_request), **her_request)
                _empty(db, bob)
                other = client.request(method, _filled(path, other_request), **other_request)
                what = f"{name}: {method} {path}"
                if MARK in response.text.replace(json.dumps(MARK), "", int(path.endswith("search"))):
                    values.append(f"{what} shows her words: {response.text[:200]}")
                if response.status_code >= 500 and response.status_code not in (
                    501,
                    503,
                ):  # it relays no chat, and says so
                    values.append(f"{what} broke: {response.status_code} {response.text[:200]}")
                mine, theirs = _plain(response, hers), _plain(other, unknown)
                if mine != theirs and (method, path) not in TELLING:
                    values.append(f"{what}: {mine[0]} {mine[1][:160]!r} for hers, {theirs[0]} {theirs[1][:160]!r} else")
                if _rows(db, ada) != before:
                    values.append(f"{what} changed her rows")
                    before = _rows(db, ada)
    assert not values, "\n".join(values)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_no_other_method_of_an_endpoint_touches_her_rows(
    db: Db, ada: Person, hers: dict[str, str], bob: Person, method: str
) -> None:
    before = _rows(db, ada)
    known = set(ENDPOINTS)
    for path in sorted({path for _, path in known}):
        if (method, path) not in known and not (method == "HEAD" and ("GET", path) in known):
            answer = bob.http.request(method, path, params={"id": hers["session"], "session_id": hers["session"]})
            assert answer.status_code in (404, 405), f"{method} {path}"
            assert MARK not in answer.text
    assert _rows(db, ada) == before
