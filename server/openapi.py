"""The document at /openapi.json, made to say what is really accepted and answered.

FastAPI describes parameters and answers by itself. What it cannot see is added here: the refusals that come from
dependencies and from around the endpoints, all with one body, and how to sign in.
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
"""``json_schema_extra`` of a parameter that the endpoint itself asks for, to refuse it in its own words."""

WireInstant = Annotated[
    datetime, PlainSerializer(instant, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time of our own on the wire: milliseconds and Z."""

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of /auth/v1/token, or of a sign-in that this server was told to accept.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sb-localhost-auth-token",
        "description": "The session as browsers keep it: base64- and the session's JSON in base64url, in chunks .0, .1 "
        "and so on where it is long. The middle of the name is the first label of the sign-in host's name.",
    },
}

TAGS = [
    {"name": "conversations", "description": "Conversations and their messages, each person's own."},
    {"name": "sync", "description": "The same, many at once, for clients that keep a copy."},
    {"name": "chat", "description": "Answers of a model."},
    {"name": "account", "description": "Who one is here, what one may use and has used."},
    {"name": "visits", "description": "Runs of a web client, hashed; kept only where whoever runs the server said so."},
    {"name": "analytics", "description": "What a person did in a client, as names and counts, never text."},
    {"name": "rest", "description": "One's own rows and the database's functions, as PostgREST serves them."},
    {"name": "auth", "description": "Sign up, sign in, stay signed in, sign out."},
    {"name": "health", "description": "For whoever runs the server."},
]


class Refusal(BaseModel):
    """Why a request was refused. Keys without a value are absent."""

    model_config = ConfigDict(extra="allow")

    error: str = Field(description="A sentence for a person.")
    message: str = Field(description="The same again, where some clients look for it.")
    code: str = Field(description="A word for a program.")
    timestamp: str = Field(json_schema_extra={"format": "date-time"})
    details: str | None = Field(None, description="What exactly, where it helps.")
    retryAfter: int | None = Field(None, description="Seconds; also in the header Retry-After.")  # noqa: N815
    suggestions: list[str] | None = None


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of an endpoint that answers these itself; those that any endpoint gives need no mention."""
    return {status: {"model": Refusal, "description": HTTPStatus(status).phrase} for status in statuses}


def describe(app: FastAPI) -> None:
    """Make ``app`` answer /openapi.json with a true document, made when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
    )
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Refusal"] = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["securitySchemes"] = SECURITY
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and route.dependant is not None:
                refusal = "PostgrestError" if str(route.path_format).startswith(PREFIX) else "Refusal"
                _complete(operation, method, set(_calls(route.dependant)), refusal)
    name_bodies(document)
    return document


def _complete(operation: dict[str, Any], method: str, calls: set[Any], refusal: str) -> None:
    """Add to one operation what its dependencies and the server around it do."""
    statuses = {500, 503} if calls else {500}  # whoever needs nothing of the server answers without a database
    if operation.get("parameters"):
        statuses.add(400)
    if method in ("POST", "PUT", "PATCH"):
        statuses |= {400, 408, 413, 415}  # a body is read before anybody asks whether one was wanted
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
    answers = operation["responses"]
    if answers.get("422", {}).get("description") == "Validation Error":
        del answers["422"]  # FastAPI's own, which this server answers with 400
    for status, answer in refusals(*sorted(statuses)).items():
        said = {"schema": {"$ref": f"#/components/schemas/{refusal}"}}
        answers.setdefault(str(status), {"description": answer["description"], "content": {"application/json": said}})
    for parameter in operation.get("parameters", ()):
        if parameter["schema"].get("default") == "":
            del parameter["schema"]["default"]  # means that it is absent
        if parameter["schema"].pop("x-required", False):
            parameter["required"] = True
            parameter["schema"].pop("default", None)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
