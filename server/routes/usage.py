"""Usage of the caller by day, and counters of all time."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..openapi import refusals
from .user_data import DAYS, DailyUsage

router = APIRouter(prefix="/api/user", tags=["account"], dependencies=[limited("B")], responses=refusals(404))

COUNTERS = """
select total_conversations, message_count, token_usage, current_date - %s::integer as since
from profiles
where id = %s
"""
SINCE = DAYS.replace("current_date - 7", "current_date - %s::integer")


class Counters(BaseModel):
    """Counters of all time, which deletions do not reduce."""

    total_conversations: int
    message_count: int
    token_usage: int


class Usage(BaseModel):
    """Usage by day since ``since``."""

    since: date
    days: list[DailyUsage] = Field(description="Newest first, without idle days.")
    total: Counters


@router.get("/usage")
async def read_usage(caller: User, services: ServicesDep, days: Annotated[int, Query(ge=0, le=3660)] = 31) -> Usage:
    """Return the usage of today and of so many days before, and the counters of all time."""

    async def work(db: Connection) -> Usage:
        counters = await (await db.execute(COUNTERS, (days, caller.user_id))).fetchone()
        if counters is None:
            raise ApiError("user_not_found", "This account has no profile.")
        rows = await (await db.execute(SINCE, (caller.user_id, days))).fetchall()
        return Usage(
            since=counters["since"], days=[DailyUsage.model_validate(day) for day in rows],
            total=Counters.model_validate(counters),
        )  # fmt: skip

    return await services.database.read(caller.identity, work)
