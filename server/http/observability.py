"""Request ids, common response headers, the request log and metrics.

The outermost middleware, so that refused bodies and internal errors are logged and counted like other responses. A log
line has the route, never the path, and sizes and times: no text, no title, no token, no address.
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

REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,128}")
ID_CHARACTERS = string.digits + string.ascii_lowercase

CAPS = frozenset({"delta", "files", "gzip", "seen", "sse", "tomb"} | ({"zstd"} if zstandard is not None else set()))

COMMON_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"sync-server", Capability(CAPS).format().encode()),
)
"""Headers that an endpoint may override. The last one announces the sync capabilities.

See docs/specification/endpoints.md#answer-headers and docs/specification/sync-protocol.md#capability.
"""

UNKNOWN = "unknown"
"""Route of paths that do not exist: clients can invent any number of them."""

log = logging.getLogger("sterna.server.requests")


class Metrics:
    """Metrics for /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "sterna_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "sterna_http_request_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
        )
        self.refusals = Counter(
            "sterna_rate_limit_refusals", "Requests refused by a rate limit.", ["class"], registry=self.registry
        )
        self.replies = Counter(
            "sterna_relay_replies",
            "Model replies by outcome: whole, broken_off (the client disconnected, or the reply was too long), or the"
            " failure of the model service.",
            ["outcome"],
            registry=self.registry,
        )
        self.tokens = Counter(
            "sterna_relay_tokens", "Tokens as counted by the model service.", ["direction"], registry=self.registry
        )

    def refused(self, kind: str) -> None:
        """Count a request over a rate limit of this class."""
        self.refusals.labels(kind).inc()


class Observability:
    """ASGI middleware that logs and counts requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = ObservedRequest(scope, request_id(scope, self._clock()))
        try:
            await self._app(scope, request.receiving(receive), request.sending(send))
        except Exception:
            # already answered and logged; the HTTP server would log it again, with any private text that it quotes
            if not request.status:
                raise
        finally:
            self._record(request)

    def _record(self, request: ObservedRequest) -> None:
        route, method = request.route, request.method
        self._metrics.requests.labels(method, route, str(request.status or "gone")).inc()
        self._metrics.seconds.labels(method, route).observe(request.seconds)
        details: dict[str, Any] = {
            "id": request.id,
            "method": method,
            "route": route,
            "status": request.status,
            "ms": round(request.seconds * 1000, 1),
            "in": request.bytes_in,
            "out": request.bytes_out,
        }
        if (user := request.scope.get("sterna.user")) is not None:
            details["user"] = str(user)
        log.info("request", extra={"details": details})


class ObservedRequest:
    """Figures of one request while it runs."""

    def __init__(self, scope: Scope, request_id: str) -> None:
        self.scope = scope
        self.id = request_id
        self.status = 0
        self.bytes_in = self.bytes_out = 0
        self._began = time.monotonic()
        scope["sterna.id"] = request_id

    @property
    def seconds(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._began

    @property
    def method(self) -> str:
        """Method, or OTHER for an unknown one: each invented method would stay in the metrics for ever."""
        known = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        return self.scope["method"] if self.scope["method"] in known else "OTHER"

    @property
    def route(self) -> str:
        """Path template of its route."""
        return str(getattr(self.scope.get("route"), "path_format", UNKNOWN))

    def receiving(self, receive: Receive) -> Receive:
        """Return ``receive`` with the bytes counted."""

        async def counting_receive() -> Message:
            message = await receive()
            self.bytes_in += len(message.get("body", b""))
            return message

        return counting_receive

    def sending(self, send: Send) -> Send:
        """Return ``send`` with the bytes counted and the common headers added."""

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = self._complete(list(message.get("headers", ())))
            self.bytes_out += len(message.get("body", b""))
            await send(message)

        return counting_send

    def _complete(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        limits = self.scope.get("sterna.headers", {})
        common = [
            (b"x-request-id", self.id.encode()),
            *((name.lower().encode(), value.encode()) for name, value in limits.items()),
            *COMMON_HEADERS,
        ]
        return [*headers, *((name, value) for name, value in common if name not in present)]


def request_id(scope: Scope, now: float) -> str:
    """Return the caller's x-request-id or x-correlation-id if it is well-formed, else a new id."""
    headers = dict(scope["headers"])
    for name in (b"x-request-id", b"x-correlation-id"):
        if REQUEST_ID.fullmatch(headers.get(name, b"")):
            return str(headers[name].decode("ascii"))
    return f"req_{int(now * 1000)}_{''.join(secrets.choice(ID_CHARACTERS) for _ in range(6))}"
