"""Around every request: its id, what every answer carries, one line of the log, and what is counted.

The outermost layer, so that a refusal of a body and a mistake of ours are told and counted like any answer. Of a
request it tells the route and never the path, of the rest sizes and times: no text, no title, no token, no address.
"""

from __future__ import annotations

import logging
import re
import secrets
import string
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sterna.sync.wire import Capability

from .compression import zstandard

SANE = re.compile(rb"[A-Za-z0-9_.-]{1,128}")
DIGITS = string.digits + string.ascii_lowercase

CAPS = frozenset({"delta", "gzip", "seen", "sse", "tomb"} | ({"zstd"} if zstandard is not None else set()))

EVERY_ANSWER = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"sync-server", Capability(CAPS).format().encode()),
)
"""Unless the endpoint says otherwise. The last tells a client of ours whom it speaks to.

See docs/specification/endpoints.md#answer-headers and docs/specification/sync-protocol.md#capability.
"""

UNKNOWN = "unknown"
"""The route of a path that none has: such paths are anybody's invention."""

log = logging.getLogger("sterna.server.requests")


class Figures:
    """What is counted, for /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "sterna_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "sterna_http_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
        )
        self.refusals = Counter(
            "sterna_rate_limit_refusals", "Requests refused for being too many.", ["class"], registry=self.registry
        )
        self.replies = Counter(
            "sterna_relay_replies",
            "Replies that a model was asked for: whole, broken_off (the client left, or it grew too long), or how the"
            " model service failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.tokens = Counter(
            "sterna_relay_tokens", "As the model service counts them.", ["direction"], registry=self.registry
        )

    def refused(self, kind: str) -> None:
        """A request over a limit of this class."""
        self.refusals.labels(kind).inc()


class Watching:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, figures: Figures, clock: Callable[[], float]) -> None:
        self._app = app
        self._figures = figures
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Watched(scope, request_id(scope, self._clock()))
        try:
            await self._app(scope, request.receiving(receive), request.sending(send))
        except Exception:
            # The framework has answered it and our handler has logged it; raised on, the server would log it once more,
            # with whatever text of the person the error quotes.
            if not request.status:
                raise
        finally:
            self._tell(request)

    def _tell(self, request: Watched) -> None:
        route, method = request.route, request.method
        self._figures.requests.labels(method, route, str(request.status or "gone")).inc()
        self._figures.seconds.labels(method, route).observe(request.seconds)
        told: dict[str, Any] = {
            "id": request.id,
            "method": method,
            "route": route,
            "status": request.status,
            "ms": round(request.seconds * 1000, 1),
            "in": request.bytes_in,
            "out": request.bytes_out,
        }
        if (user := request.scope.get("sterna.user")) is not None:
            told["user"] = str(user)
        log.info("request", extra={"told": told})


class Watched:
    """What is known of one request while it runs."""

    def __init__(self, scope: Scope, named: str) -> None:
        self.scope = scope
        self.id = named
        self.status = 0
        self.bytes_in = self.bytes_out = 0
        self._began = time.monotonic()
        scope["sterna.id"] = named

    @property
    def seconds(self) -> float:
        """Since it came."""
        return time.monotonic() - self._began

    @property
    def method(self) -> str:
        """One of the few; a client may invent others, and each would be a row of the metrics for ever."""
        known = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        return self.scope["method"] if self.scope["method"] in known else "OTHER"

    @property
    def route(self) -> str:
        """The template of the path."""
        return str(getattr(self.scope.get("route"), "path_format", UNKNOWN))

    def receiving(self, receive: Receive) -> Receive:
        """``receive``, with the bytes counted."""

        async def received() -> Message:
            message = await receive()
            self.bytes_in += len(message.get("body", b""))
            return message

        return received

    def sending(self, send: Send) -> Send:
        """``send``, with the bytes counted and what every answer carries."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = self._complete(list(message.get("headers", ())))
            self.bytes_out += len(message.get("body", b""))
            await send(message)

        return sent

    def _complete(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in headers}
        limits = self.scope.get("sterna.headers", {})
        ours = [
            (b"x-request-id", self.id.encode()),
            *((name.lower().encode(), value.encode()) for name, value in limits.items()),
            *EVERY_ANSWER,
        ]
        return [*headers, *((name, value) for name, value in ours if name not in there)]


def request_id(scope: Scope, now: float) -> str:
    """Return the caller's x-request-id or x-correlation-id when it is a plain word, else a new one."""
    headers = dict(scope["headers"])
    for name in (b"x-request-id", b"x-correlation-id"):
        if SANE.fullmatch(headers.get(name, b"")):
            return str(headers[name].decode("ascii"))
    return f"req_{int(now * 1000)}_{''.join(secrets.choice(DIGITS) for _ in range(6))}"
