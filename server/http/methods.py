"""HEAD, CORS and ``Allow``: what holds for every path, whatever its endpoint."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAMS = frozenset({"/api/chat/sync/head"})
"""GET never ends there, so there is no HEAD."""

EXPOSED = (
    "Content-Range",
    "Preference-Applied",
    "Retry-After",
    "Sync-Server",
    "X-Model",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
)
"""Headers that a page of another origin may read."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PREFLIGHT_SECONDS = 600


def allowed(app: FastAPI, path: str) -> list[str]:
    """Return every method that some route of ``path`` takes."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.path_format and compile_path(route.path_format)[0].match(path):
            found |= route.methods or set()
    if "GET" in found and path not in STREAMS:
        found.add("HEAD")
    return sorted(found)


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer HEAD as GET without its body; every other request as it is."""
    if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in STREAMS:
        await app(scope, receive, send)
        return

    async def as_head(message: Message) -> None:
        scope["method"] = "HEAD"  # the HTTP server around us then leaves the body out
        await send(message)

    scope["method"] = "GET"
    try:
        await app(scope, receive, as_head)
    finally:
        scope["method"] = "HEAD"


def with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Return ``app`` as pages of these origins may call it: with tokens, never with cookies."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=["*"],
        allow_credentials=False,
        expose_headers=EXPOSED,
        max_age=PREFLIGHT_SECONDS,
    )
