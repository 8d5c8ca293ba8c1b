"""The document at /openapi.json.

FastAPI describes parameters and responses. What it cannot see is added here: the errors of dependencies and middleware,
all with one body, and how to sign in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from .dependencies import anyone, guest, is_rate_limit, user
from .errors import instant
from .http.request_schemas import NOT_BLANK, name_bodies
from .rest.errors import PREFIX

REQUIRED: dict[str, Any] = {"x-required": True} | NOT_BLANK
"""``json_schema_extra`` of a parameter that the endpoint checks itself, with its own error message."""

WireInstant = Annotated[
    datetime, PlainSerializer(instant, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""Time on the wire, with milliseconds and Z."""

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of /auth/v1/token, or of an external sign-in that this server accepts.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sb-localhost-auth-token",
        "description": "Session of a browser: base64- with the session's JSON in base64url, in chunks .0, .1"
        " and so on if it is long. The middle of the name is the first label of the sign-in host.",
    },
}

TAGS = [
    {"name": "conversations", "description": "Conversations and messages of the caller."},
    {"name": "sync", "description": "Conversations and messages in bulk, for clients with a copy."},
    {"name": "chat", "description": "Replies of a model."},
    {"name": "account", "description": "Profile, preferences, usage, export and deletion of the account."},
    {
        "name": "visits",
        "description": "Visits of web clients, hashed; stored only if the administrator has turned it on.",
    },
    {"name": "analytics", "description": "Usage events of clients, as names and counts, never text."},
    {"name": "rest", "description": "Rows of the caller and functions of the database, as PostgREST serves them."},
    {"name": "auth", "description": "Sign-up, sign-in, sessions and sign-out."},
    {"name": "health", "description": "State of the server, for operators."},
]


class Refusal(BaseModel):
    """Error of a request. Keys without a value are absent."""

    model_config = ConfigDict(extra="allow")

    error: str = Field(description="A sentence for a person.")
    message: str = Field(description="The same as `error`, for clients that read it here.")
    code: str = Field(description="A code for programs.")
    timestamp: str = Field(json_schema_extra={"format": "date-time"})
    details: str | None = Field(None, description="More details, if there are any.")
    retryAfter: int | None = Field(None, description="Seconds, as in the header Retry-After.")  # noqa: N815
    suggestions: list[str] | None = None


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of an endpoint with these statuses of its own; common ones are added to all endpoints."""
    return {status: {"model": Refusal, "description": HTTPStatus(status).phrase} for status in statuses}


def describe(app: FastAPI) -> None:
    """Make ``app.openapi`` return the complete document, built at the first call."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Refusal"] = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
    components["securitySchemes"] = SECURITY
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and route.dependant is not None:
                refusal = "PostgrestError" if str(route.path_format).startswith(PREFIX) else "Refusal"
                _complete(operation, method, set(_calls(route.dependant)), refusal)
    name_bodies(document)
    return document


def _complete(operation: dict[str, Any], method: str, calls: set[Any], refusal: str) -> None:
    """Add the statuses and security of dependencies and middleware to one operation."""
    statuses = {500, 503} if calls else {500}  # an endpoint without dependencies needs no database
    if operation.get("parameters"):
        statuses.add(400)
    if method in ("POST", "PUT", "PATCH"):
        statuses |= {400, 408, 413, 415}  # a body is read even when the endpoint has none
    if anyone in calls:
        operation["security"] = [{"bearer": []}, {"cookie": []}]
        if guest in calls:
            statuses.add(403)
        if user in calls:
            statuses.add(401)
        else:
            operation["security"].append({})
    if any(map(is_rate_limit, calls)):
        statuses.add(429)
    responses = operation["responses"]
    if responses.get("422", {}).get("description") == "Validation Error":
        del responses["422"]  # FastAPI's default; this server answers 400
    for status, response in refusals(*sorted(statuses)).items():
        content = {"schema": {"$ref": f"#/components/schemas/{refusal}"}}
        responses.setdefault(
            str(status), {"description": response["description"], "content": {"application/json": content}}
        )
    for parameter in operation.get("parameters", ()):
        if parameter["schema"].get("default") == "":
            del parameter["schema"]["default"]  # stands for an absent parameter
        if parameter["schema"].pop("x-required", False):
            parameter["required"] = True
            parameter["schema"].pop("default", None)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
