"""Visits of web clients: a visitor is a hash, and nothing is kept unless the operator turned it on.

See docs/specification/endpoints.md#visits and docs/specification/features.md#visits.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field, JsonValue

from sterna.providers.embedding import embed

from ..database.pool import Connection
from ..dependencies import Anyone, ServicesDep, limited
from ..errors import ApiError
from ..http.request_schemas import WHOLE, body_of
from ..identity import SERVER, Caller
from ..openapi import refusals
from .json_route import media_type, parsed

router = APIRouter(prefix="/api/chat/session", tags=["visits"], dependencies=[limited("C")])

NOBODY = UUID(int=0)
MAX_AGENT, MAX_REFERRER, MAX_CONTENT = 512, 2048, 32_000
DEVICES = ("mobile", "tablet", "desktop", "terminal")
MAX_SIMILAR = 3

FIND = """
select v.user_id, v.id, v.user_identifier, v.ended_at is not null as has_ended
from sterna.visit_of_token(%s) as v
"""
INSERT_VISIT = """
insert into user_sessions (user_id, session_token, user_identifier, user_agent, referrer, device_type)
values (%s, %s, %s, %s, %s, %s)
"""
INSERT_MESSAGE = """
insert into visit_messages (
    session_id, message_type, content, embedding,
    similar_qa_matches, similarity_scores, processing_time_ms, error_message
)
values (%s, %s, %s, %s::real[], %s, %s::real[], %s, %s)
"""
MATCH = """
select content as question, answer, similarity
from match_visit_messages(%s, %s, %s::real[], %s)
"""


class VisitStart(BaseModel):
    """Start of a visit."""

    sessionToken: str = Field(min_length=1, max_length=255)  # noqa: N815
    userAgent: JsonValue = Field(None, description="A text; other values are ignored.")  # noqa: N815
    referrer: JsonValue = Field(None, description="A text; other values are ignored.")
    deviceType: JsonValue = Field(  # noqa: N815
        None, description="mobile, tablet, desktop or terminal; other values are ignored."
    )


class VisitMessage(BaseModel):
    """A message of a visit."""

    sessionToken: str  # noqa: N815
    messageType: Literal["user", "assistant"]  # noqa: N815
    content: str
    processingTimeMs: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815


class VisitResponse(BaseModel):
    """Result of a visit's request."""

    success: bool = True
    disabled: bool | None = None
    """true if this server does not store visits, otherwise absent."""


class Similar(BaseModel):
    """An earlier message of the same visitor."""

    question: str
    answer: str | None
    similarity: float


class VisitMessageResponse(VisitResponse):
    """Result of storing a message, with similar earlier ones."""

    similar: list[Similar] = Field(default_factory=list)


@router.post("/start", responses=refusals(409), response_model_exclude_none=True, openapi_extra=body_of(VisitStart))
async def start_visit(request: Request, caller: Anyone, services: ServicesDep) -> VisitResponse:
    """Start a visit. A repeated request gets the same response."""
    if not services.settings.chat_logging:
        return VisitResponse(disabled=True)
    body = await _object(request, "Session start failed")
    token = body.get("sessionToken")
    if not isinstance(token, str) or not 1 <= len(token) <= 255:
        raise ApiError("bad_request", "Failed to create session", details="sessionToken must have 1 to 255 characters.")
    identifier = identifier_of(services.limits.address(request), body, services.settings.user_id_salt)
    owner = caller.identity.user_id or NOBODY

    async def work(db: Connection) -> bool:
        visit = await (await db.execute(FIND, (token,))).fetchone()
        if visit is None:
            await db.execute(
                INSERT_VISIT,
                (
                    owner,
                    token,
                    identifier,
                    _text(body, "userAgent", MAX_AGENT),
                    _text(body, "referrer", MAX_REFERRER),
                    body["deviceType"] if body.get("deviceType") in DEVICES else None,
                ),
            )
        return visit is None or (visit["user_id"], visit["user_identifier"]) == (owner, identifier)

    try:
        is_theirs = await services.database.write(SERVER, work)
    except UniqueViolation:  # a concurrent request used this token
        is_theirs = await services.database.write(SERVER, work)
    if not is_theirs:
        raise ApiError("conflict", "Failed to create session", details="This sessionToken is in use.")
    return VisitResponse()


@router.post("/message", responses=refusals(404), response_model_exclude_none=True, openapi_extra=body_of(VisitMessage))
async def add_message(request: Request, caller: Anyone, services: ServicesDep) -> VisitMessageResponse:
    """Add a message to an open visit, and return similar earlier messages of the visitor."""
    if not services.settings.chat_logging:
        return VisitMessageResponse(disabled=True)
    body = await _object(request, "The message is not valid for this endpoint.")
    try:
        message = VisitMessage.model_validate(body)
    except ValueError:
        raise ApiError("bad_request", "The message is not valid for this endpoint.") from None
    return await services.database.write(SERVER, lambda db: _store(db, message, caller))


async def _store(db: Connection, message: VisitMessage, caller: Caller) -> VisitMessageResponse:
    visit = await (await db.execute(FIND, (message.sessionToken,))).fetchone()
    if visit is None or visit["has_ended"] or visit["user_id"] not in (NOBODY, caller.identity.user_id):
        raise ApiError("not_found", "No open visit has this sessionToken.")
    content = message.content[:MAX_CONTENT]
    vector = list(embed(content)) if message.messageType == "user" else None
    similar: list[Similar] = []
    if vector and any(vector):
        values = (visit["user_id"], visit["user_identifier"], vector, MAX_SIMILAR)
        similar = [Similar.model_validate(row) for row in await (await db.execute(MATCH, values)).fetchall()]
    await db.execute(
        INSERT_MESSAGE,
        (
            visit["id"],
            message.messageType,
            content,
            vector,
            Jsonb([match.model_dump() for match in similar]) if vector else None,
            [match.similarity for match in similar] if vector else None,
            message.processingTimeMs,
            (message.errorMessage or "")[:MAX_REFERRER] or None,
        ),
    )
    return VisitMessageResponse(similar=similar)


def identifier_of(address: str, body: dict[str, Any], salt: str) -> str:
    """Return the hash of a visitor; a client that says no agent is JavaScript's ``undefined``."""
    agent = body.get("userAgent", "undefined")
    text = agent[:MAX_AGENT] if isinstance(agent, str) else "null"
    return sha256(f"{address}:{text}:{salt}".encode("utf-8", "replace")).hexdigest()[:32]


async def _object(request: Request, message: str) -> dict[str, Any]:
    """Return the body. Raises ApiError bad_request, in the words that these clients know."""
    if media_type(request) not in ("", "application/json"):
        raise ApiError("unsupported_media_type", message, details="The body must be JSON.")
    try:
        body = parsed(await request.body())
    except ApiError as error:
        raise ApiError(error.code, message, details=error.details or error.message) from None
    if not isinstance(body, dict):
        raise ApiError("bad_request", message, details="The body is not an object.")
    return body


def _text(body: dict[str, Any], name: str, longest: int) -> str | None:
    value = body.get(name)
    return value[:longest] if isinstance(value, str) else None
