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
    """Start of a session, with details of the device."""

    deviceInfo: dict[str, JsonValue] = Field(default_factory=dict)  # noqa: N815
    sessionToken: Annotated[str, Field(pattern="^[!-~]{1,255}$")] | None = None  # noqa: N815


class SessionStarted(BaseModel):
    """Result of ``start_user_session``."""

    success: bool
    session_id: UUID
    started_at: str


class SessionEnd(BaseModel):
    """End of a session."""

    sessionId: UUID  # noqa: N815


class SessionEnded(BaseModel):
    """True if an open session of the caller was ended."""

    success: bool


class Events(BaseModel):
    """Up to 500 events with session_id, event_type and optional id, content_id, duration, event_data, created_at."""

    events: list[JsonValue] = Field(max_length=500)


class EventProblem(BaseModel):
    """Reason why an event was not stored."""

    index: int
    error: str


class StoredEvents(BaseModel):
    """Result of ``batch_track_user_interactions``."""

    success: bool
    inserted: int
    failed: int
    errors: list[EventProblem]


@router.post("/session/start")
async def start(body: SessionStart, caller: User, services: ServicesDep) -> SessionStarted:
    """Start a session of the caller, or continue an open one with the same token."""
    result = await _call(
        services, caller, "start_user_session(%s, %s, %s)", caller.user_id, Jsonb(body.deviceInfo), body.sessionToken
    )
    if not result["success"]:
        raise ApiError("bad_request", f"{result['error']}.")
    return SessionStarted.model_validate(result)


@router.post("/session/end")
async def end(body: SessionEnd, caller: User, services: ServicesDep) -> SessionEnded:
    """End a session."""
    return SessionEnded(success=await _call(services, caller, "end_user_session(%s)", body.sessionId))


@router.post("/events")
async def store(body: Events, caller: User, services: ServicesDep) -> StoredEvents:
    """Store events. An invalid one does not affect the others, and a repeated one is stored once."""
    return StoredEvents.model_validate(
        await _call(services, caller, "batch_track_user_interactions(%s)", Jsonb(body.events))
    )


async def _call(services: ServicesDep, caller: Caller, call: str, *values: Any) -> Any:
    async def work(db: Connection) -> Any:
        row = await (await db.execute(f"select {call} as result".encode(), values)).fetchone()
        assert row is not None
        return row["result"]

    return await services.database.read(caller.identity, work)
