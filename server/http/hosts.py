"""The names under which a server answers: those of this machine alone, and the one of ``--public-url``.

A page of a foreign name that resolves to this machine is of the same origin as the server in the eyes of a browser. It
could sign up here and spend the operator's key; what gives it away is the name in the Host header.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ApiError
from ..settings import ServerSettings, is_loopback

PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by machines that name no host, or an address; the answers say nothing of anybody."""

METRICS = "/metrics"
"""Scraped by address too: with the metrics token, which no page has."""

HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:/@?#\s]+))(?::\d{1,5})?")

ANY = frozenset({"", "0.0.0.0", "::"})
"""Of ``--host``: names of no machine."""


class Hosts:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        public = urlsplit(settings.public_url).hostname or ""
        self._names = {_plain(name) for name in (public, settings.host)} - ANY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, if it names this server."""
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        error = ApiError(
            "misdirected_request",
            "This server does not answer under this name.",
            suggestions=["Whoever runs the server names it with --public-url."],
        )
        await JSONResponse(error.body(), error.status, {"connection": "close"})(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        headers = [(name, value) for name, value in scope["headers"] if name in (b"host", b"authorization")]
        hosts = [value for name, value in headers if name == b"host"]
        if scope["path"] in PROBES or (scope["path"] == METRICS and len(headers) > len(hosts)):
            return True
        if not hosts:
            return bool(scope["http_version"] == "1.0")  # no browser
        found = HOST.fullmatch(hosts[0].decode("latin-1").strip())
        if len(hosts) > 1 or found is None:
            return False
        name = _plain(found[1] or found[2])
        return name in self._names or is_loopback(name)


def _plain(name: str) -> str:
    """Return a host's name in the form in which names are compared."""
    return name.strip("[]").lower().rstrip(".")


def own_url(settings: ServerSettings, scope: Scope) -> str:
    """Return how browsers reach this server: as the operator says, else at the address that the request came to."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host, port = scope["server"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
