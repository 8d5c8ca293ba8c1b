"""Interaction analytics for clients that do not speak PostgREST. See docs/specification/endpoints.md#analytics."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field, JsonValue

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..identity import Caller
from .json_route import JsonRoute

router = APIRouter(prefix="/api/analytics", tags=["analytics"], dependencies=[limited("S")], route_class=JsonRoute)


class SessionStart(BaseModel):
    """What the client says of the device."""

    deviceInfo: dict[str, JsonValue] = Field(default_factory=dict)  # noqa: N815
    sessionToken: Annotated[str, Field(pattern="^[!-~]{1,255}$")] | None = None  # noqa: N815


class SessionStarted(BaseModel):
    """As ``start_user_session`` gives it."""

    success: bool
    session_id: UUID
    started_at: str


class SessionEnd(BaseModel):
    """Which one."""

    sessionId: UUID  # noqa: N815


class SessionEnded(BaseModel):
    """Whether an open session of the caller was ended by this."""

    success: bool


class Events(BaseModel):
    """Up to 500, each with session_id and event_type; id, content_id, duration, event_data, created_at as it likes."""

    events: list[JsonValue] = Field(max_length=500)


class EventProblem(BaseModel):
    """Why one was not kept."""

    index: int
    error: str


class EventsKept(BaseModel):
    """As ``batch_track_user_interactions`` gives it."""

    success: bool
    inserted: int
    failed: int
    errors: list[EventProblem]


@router.post("/session/start")
async def start(told: SessionStart, caller: User, services: ServicesDep) -> SessionStarted:
    """Begin a session of the caller; one that is open under the same token is gone on with."""
    answer = await _ask(
        services, caller, "start_user_session(%s, %s, %s)", caller.user_id, Jsonb(told.deviceInfo), told.sessionToken
    )
    if not answer["success"]:
        raise ApiError("bad_request", f"{answer['error']}.")
    return SessionStarted.model_validate(answer)


@router.post("/session/end")
async def end(told: SessionEnd, caller: User, services: ServicesDep) -> SessionEnded:
    """End it."""
    return SessionEnded(success=await _ask(services, caller, "end_user_session(%s)", told.sessionId))


@router.post("/events")
async def keep(told: Events, caller: User, services: ServicesDep) -> EventsKept:
    """Keep what happened; what is wrong with one stops no other, and what comes twice is kept once."""
    return EventsKept.model_validate(
        await _ask(services, caller, "batch_track_user_interactions(%s)", Jsonb(told.events))
    )


async def _ask(services: ServicesDep, caller: Caller, call: str, *values: Any) -> Any:
    async def work(db: Connection) -> Any:
        row = await (await db.execute(f"select {call} as told".encode(), values)).fetchone()
        assert row is not None
        return row["told"]

    return await services.database.read(caller.identity, work)
