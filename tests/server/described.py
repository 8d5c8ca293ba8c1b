"""The server's routes and the document that it publishes at /openapi.json, made once for all tests."""

from __future__ import annotations

from typing import Any

from fastapi.routing import iter_route_contexts

from sterna.server.app import create_app
from sterna.server.settings import ServerSettings

_app = create_app(ServerSettings(jwt_secret="a secret that signs nothing here"))

DOCUMENT: dict[str, Any] = _app.openapi()
ROUTES = [
    (method, str(route.path_format), route.include_in_schema)
    for route in iter_route_contexts(_app.routes)
    for method in sorted(route.methods or ())
]
"""Method and path of every route, and whether the document has it."""
