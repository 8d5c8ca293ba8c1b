"""HEAD, CORS and ``Allow`` of all paths."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAMS = frozenset({"/api/chat/sync/head"})
"""Paths without HEAD, because GET does not end there."""

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
"""Response headers that pages of other origins may read."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PREFLIGHT_SECONDS = 600


def allowed(app: FastAPI, path: str) -> list[str]:
    """Return the methods of all routes of ``path``."""
    methods: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.path_format and compile_path(route.path_format)[0].match(path):
            methods |= route.methods or set()
    if "GET" in methods and path not in STREAMS:
        methods.add("HEAD")
    return sorted(methods)


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer HEAD like GET without a body, and pass other requests on."""
    if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in STREAMS:
        await app(scope, receive, send)
        return

    async def as_head(message: Message) -> None:
        scope["method"] = "HEAD"  # the HTTP server then omits the body
        await send(message)

    scope["method"] = "GET"
    try:
        await app(scope, receive, as_head)
    finally:
        scope["method"] = "HEAD"


def with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Return ``app``, open to pages of these origins, with tokens but without cookies."""
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
