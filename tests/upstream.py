"""A stand-in for upstream: its endpoints, quirks included, in memory.

``Upstream("H")`` answers as current upstream, ``Upstream("S")`` as early upstream
(docs/specification/endpoints.md#upstream). :meth:`Upstream.handle` is the whole server as a function; :func:`serving`
puts it on a loopback socket.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any, cast
from urllib.parse import parse_qsl
from uuid import UUID

from sterna.sync.wire import cookie_sessions, session_cookies
from tests.upstream_handlers import Handlers, ServerResponse
from tests.upstream_rows import Flavour, Tables

HOUR = 3600.0
LIMITS = {"free": 200, "pro": 1000, "enterprise": 2000}
REUSE = 10.0
"""Seconds for which a spent refresh token is still taken."""


@dataclass
class Person:
    """An account."""

    id: str
    email: str
    password: str
    tier: str = "free"
    banned: bool = False


@dataclass
class ServerRequest:
    """A request that was handled."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    user: str | None

    def json(self) -> Any:
        return json.loads(self.body)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Upstream(Handlers):
    """The server."""

    def __init__(
        self,
        flavour: Flavour = "H",
        *,
        clock: Callable[[], datetime] = utc_now,
        row_cap: int = 1000,
        limits: Mapping[str, int] | None = LIMITS,
        token_seconds: int = 3600,
        body_cap: int = 4_500_000,
        clear_cap: int = 300,
        ref: str = "127",
    ) -> None:
        self.flavour = flavour
        self.clock = clock
        self.tables = Tables(clock, flavour, row_cap)
        self.cookie = f"sb-{ref}-auth-token"
        self.anon_key = "anon"
        self.people: dict[str, Person] = {}
        self.asked: list[ServerRequest] = []
        self.before: Callable[[ServerRequest], ServerResponse | None] | None = None
        """Called with each request of a signed-in person; an answer of its own is given instead."""
        self.clear_cap = clear_cap
        """Conversations from which on the address that clears them is too long."""
        self.annotations: dict[str, list[Any]] = {}
        self._limits = limits
        self._token_seconds = token_seconds
        self._body_cap = body_cap
        self._hits: dict[str, deque[float]] = {}
        self._access: dict[str, tuple[str, float]] = {}
        self._refresh: dict[str, tuple[str, float | None]] = {}
        self._minted = 0

    # people and sign-in

    def join(self, email: str = "ada@example.org", password: str = "secret", tier: str = "free") -> Person:
        number = len(self.people) + 1
        person = Person(str(UUID(f"{number:08x}-0000-4000-8000-{number:012x}")), email, password, tier)
        self.people[person.id] = person
        return person

    def sign_in(self, person: Person) -> dict[str, Any]:
        """A new session, as its sign-in server gives it."""
        self._minted += 1
        now = self.clock().timestamp()
        until = int(now) + self._token_seconds
        access = _jwt({"sub": person.id, "role": "authenticated", "exp": until, "n": self._minted})
        refresh = f"refresh{self._minted}"
        self._access[access] = (person.id, until)
        self._refresh[refresh] = (person.id, None)
        identity = {"provider": "google", "identity_data": {"full_name": "Ada Ünal " * 60, "email": person.email}}
        user = {"id": person.id, "email": person.email, "aud": "authenticated", "identities": [identity] * 3}
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": self._token_seconds,
            "expires_at": until,
            "refresh_token": refresh,
            "user": user,
        }

    def cookies(self, session: Mapping[str, Any]) -> str:
        """The header that carries a session."""
        return "; ".join(f"{name}={value}" for name, value in session_cookies(self.cookie, session).items())

    def renew(self, refresh: str) -> dict[str, Any] | None:
        """The next session; a token is good once, and a little longer."""
        known = self._refresh.get(refresh)
        now = self.clock().timestamp()
        if known is None or (known[1] is not None and now - known[1] > REUSE):
            return None
        self._refresh[refresh] = (known[0], now if known[1] is None else known[1])
        return self.sign_in(self.people[known[0]])

    # one request

    def handle(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes = b""
    ) -> ServerResponse:
        """The answer to one request; header names are given in lower case."""
        if path.startswith("/auth/v1/"):
            return self._auth(method, path.removeprefix("/auth/v1"), query, headers, body)
        if len(body) > self._body_cap:
            return ServerResponse(413, [("content-type", "text/plain")], b"FUNCTION_PAYLOAD_TOO_LARGE")
        route = self.route(method, path)
        if route is None:
            return ServerResponse(
                404, [("content-type", "text/html; charset=utf-8")], b"<!DOCTYPE html><title>404</title>"
            )
        user, bearer, set_cookies = self._caller(headers)
        asked = ServerRequest(method, path, dict(query), body, user)
        self.asked.append(asked)
        response = self._refusal(user, bearer, method, path)
        if response is None and user is not None:
            response = (self.before and self.before(asked)) or self._limited(
                user, lambda: route(user, query, body), headers
            )
        assert response is not None
        return ServerResponse(
            response.status, response.headers + [("set-cookie", one) for one in set_cookies], response.body
        )

    def _caller(self, headers: Mapping[str, str]) -> tuple[str | None, bool, list[str]]:
        """Return the caller, whether a header alone identifies them, and the cookies that the response sets."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            jar = SimpleCookie()
        cookies = {name: morsel.value for name, morsel in jar.items()}
        session = dict(cookie_sessions(cookies)).get(self.cookie)
        now = self.clock().timestamp()
        if session is not None:
            user, until = self._access.get(str(session.get("access_token")), (None, 0.0))
            if user is not None and now < until:
                return user, False, []
            next_one = self.renew(str(session.get("refresh_token")))
            made = session_cookies(self.cookie, next_one) if next_one else {}
            sets = [f"{name}={value}; Path=/; Max-Age=34560000; SameSite=lax" for name, value in made.items()]
            sets += [
                f"{name}=; Path=/; Max-Age=0" for name in cookies if name.startswith(self.cookie) and name not in made
            ]
            return (next_one["user"]["id"] if next_one else None), False, sets
        user, until = self._access.get(headers.get("authorization", "").removeprefix("Bearer "), (None, 0.0))
        if self.flavour == "S" or user is None or now >= until:
            return None, False, []
        return user, True, []

    def _refusal(self, user: str | None, bearer: bool, method: str, path: str) -> ServerResponse | None:
        if user is None:
            if self.flavour == "S":
                return self.plain(401, "Unauthorized")
            return self.error(
                401, "auth_required", "Authentication is required for this operation", suggestions=["Sign in"]
            )
        if bearer:  # the handlers' database client is made of cookies: it sees no profile
            return self.error(
                500, "profile_fetch_failed", "Failed to fetch user profile", retryAfter=60, suggestions=["Try again"]
            )
        if self.people[user].banned and (method, path) in (("POST", "/api/chat/sync"), ("POST", "/api/chat/messages")):
            return self.error(403, "account_banned", "Account is banned", suggestions=["Contact support"])
        return None

    def _limited(self, user: str, answer: Callable[[], ServerResponse], headers: Mapping[str, str]) -> ServerResponse:
        now = self.clock()
        if self.flavour == "S":
            return answer()
        request = headers.get("x-request-id") or f"req_{int(now.timestamp() * 1000)}_{len(self.asked):06d}"
        more = [("x-request-id", request)]
        if self._limits is None:  # no Redis, no limit
            response = answer()
            return ServerResponse(response.status, response.headers + more, response.body)
        limit = self._limits[self.people[user].tier]
        hits = self._hits.setdefault(user, deque())
        while hits and hits[0] <= now.timestamp() - HOUR:
            hits.popleft()
        hits.append(now.timestamp())
        left = max(limit - len(hits), 0)
        reset = datetime.fromtimestamp(now.timestamp() + HOUR, UTC).isoformat(timespec="milliseconds")
        more += [
            ("x-ratelimit-limit", str(limit)),
            ("x-ratelimit-remaining", str(left)),
            ("x-ratelimit-reset", reset.replace("+00:00", "Z")),
        ]
        more += [("retry-after", "3600")] * (left == 0)
        if len(hits) > limit:
            response = self.error(
                429, "rate_limit_exceeded", "Rate limit exceeded", details=f"{limit} requests an hour", retryAfter=60
            )
        else:
            response = answer()
        return ServerResponse(response.status, response.headers + more, response.body)

    def _auth(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> ServerResponse:
        """Answer as the sign-in server, which in truth is another host."""
        if headers.get("apikey") != self.anon_key:
            return self.respond(401, {"message": "No API key found in request"})
        given = json.loads(body) if body else {}
        if (method, path) == ("POST", "/token"):
            if query.get("grant_type") == "refresh_token":
                session = self.renew(str(given.get("refresh_token")))
            else:
                named = (given.get("email"), given.get("password"))
                person = next((one for one in self.people.values() if (one.email, one.password) == named), None)
                session = self.sign_in(person) if person else None
            if session is not None:
                return self.respond(200, session)
            code = "refresh_token_not_found" if query.get("grant_type") == "refresh_token" else "invalid_credentials"
            return self.respond(400, {"code": 400, "error_code": code, "msg": "Invalid"})
        user, until = self._access.get(headers.get("authorization", "").removeprefix("Bearer "), (None, 0.0))
        if user is None or self.clock().timestamp() >= until:
            return self.respond(403, {"code": 403, "error_code": "bad_jwt", "msg": "invalid JWT"})
        if (method, path) == ("GET", "/user"):
            return self.respond(200, {"id": user, "email": self.people[user].email})
        if (method, path) == ("POST", "/logout"):
            self._access = {key: value for key, value in self._access.items() if value[0] != user}
            return ServerResponse(204, [], b"")
        return self.respond(404, {"code": 404, "msg": "not found"})


def _jwt(claims: Mapping[str, Any]) -> str:
    def part(value: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.stand-in"


@dataclass
class _App:
    """The stand-in as an ASGI application."""

    upstream: Upstream
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1").lower()
            headers[key] = f"{headers[key]}; {value.decode('latin-1')}" if key in headers else value.decode("latin-1")
        with self.lock:
            result = self.upstream.handle(scope["method"], scope["path"], query, headers, body)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in result.headers]
        raw.append((b"content-length", str(len(result.body)).encode()))
        await send({"type": "http.response.start", "status": result.status, "headers": raw})
        await send({"type": "http.response.body", "body": result.body})


@contextmanager
def serving(upstream: Upstream) -> Iterator[str]:
    """The stand-in on a free port of loopback; gives its address."""
    import uvicorn

    app = cast(Any, _App(upstream))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),), name="upstream", daemon=True)
    thread.start()
    waited = threading.Event()
    for _ in range(1000):
        if server.started or not thread.is_alive():
            break
        waited.wait(0.01)
    assert server.started, "the stand-in did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
