"""Check of the Host header: a server answers to loopback names, to ``--host`` and to the name of ``--public-url``.

A page of a foreign name that resolves to this computer has the same origin as the server for a browser. It could sign
up here and spend the operator's key, but it sends its own name in the Host header.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ApiError
from ..settings import ServerSettings, is_loopback

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths for load balancers, which send no host or an address; the responses contain nothing private."""

METRICS = "/metrics"
"""Path that is scraped by address too, with the metrics token, which no page has."""

HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:/@?#\s]+))(?::\d{1,5})?")

WILDCARDS = frozenset({"", "0.0.0.0", "::"})
"""Values of ``--host`` that name no computer."""


class HostCheck:
    """ASGI middleware that refuses requests for other hosts."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        public = urlsplit(settings.public_url).hostname or ""
        self._names = {_normalized(name) for name in (public, settings.host)} - WILDCARDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request if its host is this server."""
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        error = ApiError(
            "misdirected_request",
            "This server does not answer to this host name.",
            suggestions=["The server administrator sets the name with --public-url."],
        )
        await JSONResponse(error.body(), error.status, {"connection": "close"})(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        headers = [(name, value) for name, value in scope["headers"] if name in (b"host", b"authorization")]
        hosts = [value for name, value in headers if name == b"host"]
        if scope["path"] in PROBES or (scope["path"] == METRICS and len(headers) > len(hosts)):
            return True
        if not hosts:
            return bool(scope["http_version"] == "1.0")  # not a browser
        host = HOST.fullmatch(hosts[0].decode("latin-1").strip())
        if len(hosts) > 1 or host is None:
            return False
        name = _normalized(host[1] or host[2])
        return name in self._names or is_loopback(name)


def _normalized(name: str) -> str:
    """Return a host name in a form that can be compared."""
    return name.strip("[]").lower().rstrip(".")


def own_url(settings: ServerSettings, scope: Scope) -> str:
    """Return the URL of this server for browsers: ``--public-url``, else the address that received the request."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host, port = scope["server"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
