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
LONGEST_AGENT, LONGEST_REFERRER, LONGEST_CONTENT = 512, 2048, 32_000
DEVICES = ("mobile", "tablet", "desktop", "terminal")
SIMILAR = 3

FIND = """
select v.user_id, v.id, v.user_identifier, v.ended_at is not null as has_ended
from sterna.visit_of_token(%s) as v
"""
BEGIN = """
insert into user_sessions (user_id, session_token, user_identifier, user_agent, referrer, device_type)
values (%s, %s, %s, %s, %s, %s)
"""
SAY = """
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
    """What a client says of itself when it starts."""

    sessionToken: str = Field(min_length=1, max_length=255)  # noqa: N815
    userAgent: JsonValue = Field(None, description="A text; anything else is taken for none.")  # noqa: N815
    referrer: JsonValue = Field(None, description="A text; anything else is taken for none.")
    deviceType: JsonValue = Field(  # noqa: N815
        None, description="mobile, tablet, desktop or terminal; anything else is taken for none."
    )


class VisitMessage(BaseModel):
    """A question or an answer in a visit."""

    sessionToken: str  # noqa: N815
    messageType: Literal["user", "assistant"]  # noqa: N815
    content: str
    processingTimeMs: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815


class Kept(BaseModel):
    """It was kept, or nothing is."""

    success: bool = True
    disabled: bool | None = None
    """true where this server keeps no visits; absent elsewhere."""


class Similar(BaseModel):
    """An earlier question of the same visitor."""

    question: str
    answer: str | None
    similarity: float


class KeptMessage(Kept):
    """And what was asked like this before."""

    similar: list[Similar] = Field(default_factory=list)


@router.post("/start", responses=refusals(409), response_model_exclude_none=True, openapi_extra=body_of(VisitStart))
async def start_visit(request: Request, caller: Anyone, services: ServicesDep) -> Kept:
    """Begin a visit. The same again is answered the same."""
    if not services.settings.chat_logging:
        return Kept(disabled=True)
    told = await _object(request, "Session start failed")
    token = told.get("sessionToken")
    if not isinstance(token, str) or not 1 <= len(token) <= 255:
        raise ApiError("bad_request", "Failed to create session", details="sessionToken has 1 to 255 characters.")
    identifier = identifier_of(services.limits.address(request), told, services.settings.user_id_salt)
    owner = caller.identity.user_id or NOBODY

    async def work(db: Connection) -> bool:
        found = await (await db.execute(FIND, (token,))).fetchone()
        if found is None:
            await db.execute(
                BEGIN,
                (
                    owner,
                    token,
                    identifier,
                    _text(told, "userAgent", LONGEST_AGENT),
                    _text(told, "referrer", LONGEST_REFERRER),
                    told["deviceType"] if told.get("deviceType") in DEVICES else None,
                ),
            )
        return found is None or (found["user_id"], found["user_identifier"]) == (owner, identifier)

    try:
        is_theirs = await services.database.write(SERVER, work)
    except UniqueViolation:  # another request with this token came between
        is_theirs = await services.database.write(SERVER, work)
    if not is_theirs:
        raise ApiError("conflict", "Failed to create session", details="This sessionToken is in use.")
    return Kept()


@router.post("/message", responses=refusals(404), response_model_exclude_none=True, openapi_extra=body_of(VisitMessage))
async def keep_message(request: Request, caller: Anyone, services: ServicesDep) -> KeptMessage:
    """Add a message to an open visit, and say what the same visitor asked before that is like it."""
    if not services.settings.chat_logging:
        return KeptMessage(disabled=True)
    told = await _object(request, "The message is not as this endpoint takes it.")
    try:
        message = VisitMessage.model_validate(told)
    except ValueError:
        raise ApiError("bad_request", "The message is not as this endpoint takes it.") from None
    return await services.database.write(SERVER, lambda db: _keep(db, message, caller))


async def _keep(db: Connection, message: VisitMessage, caller: Caller) -> KeptMessage:
    visit = await (await db.execute(FIND, (message.sessionToken,))).fetchone()
    if visit is None or visit["has_ended"] or visit["user_id"] not in (NOBODY, caller.identity.user_id):
        raise ApiError("not_found", "No open visit has this sessionToken.")
    content = message.content[:LONGEST_CONTENT]
    numbers = list(embed(content)) if message.messageType == "user" else None
    similar: list[Similar] = []
    if numbers and any(numbers):
        values = (visit["user_id"], visit["user_identifier"], numbers, SIMILAR)
        similar = [Similar.model_validate(row) for row in await (await db.execute(MATCH, values)).fetchall()]
    await db.execute(
        SAY,
        (
            visit["id"],
            message.messageType,
            content,
            numbers,
            Jsonb([one.model_dump() for one in similar]) if numbers else None,
            [one.similarity for one in similar] if numbers else None,
            message.processingTimeMs,
            (message.errorMessage or "")[:LONGEST_REFERRER] or None,
        ),
    )
    return KeptMessage(similar=similar)


def identifier_of(address: str, told: dict[str, Any], salt: str) -> str:
    """Return the hash of a visitor; a client that says no agent is JavaScript's ``undefined``."""
    agent = told.get("userAgent", "undefined")
    shown = agent[:LONGEST_AGENT] if isinstance(agent, str) else "null"
    return sha256(f"{address}:{shown}:{salt}".encode("utf-8", "replace")).hexdigest()[:32]


async def _object(request: Request, said: str) -> dict[str, Any]:
    """Return the body. Raises ApiError bad_request, in the words that these clients know."""
    if media_type(request) not in ("", "application/json"):
        raise ApiError("unsupported_media_type", said, details="The body has to be JSON.")
    try:
        told = parsed(await request.body())
    except ApiError as error:
        raise ApiError(error.code, said, details=error.details or error.message) from None
    if not isinstance(told, dict):
        raise ApiError("bad_request", said, details="The body is not an object.")
    return told


def _text(told: dict[str, Any], name: str, longest: int) -> str | None:
    value = told.get(name)
    return value[:longest] if isinstance(value, str) else None
