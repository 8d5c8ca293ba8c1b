"""What the caller used, as far back as a client asks, with the counters of all time."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..openapi import refusals
from .user_data import DAYS, Use

router = APIRouter(prefix="/api/user", tags=["account"], dependencies=[limited("B")], responses=refusals(404))

COUNTERS = """
select total_conversations, message_count, token_usage, current_date - %s::integer as since
from profiles
where id = %s
"""
SINCE = DAYS.replace("current_date - 7", "current_date - %s::integer")


class Counters(BaseModel):
    """Counters of all time. Deleting takes nothing back."""

    total_conversations: int
    message_count: int
    token_usage: int


class Usage(BaseModel):
    """Use of each day since ``since``."""

    since: date
    days: list[Use] = Field(description="Newest first, without idle days.")
    total: Counters


@router.get("/usage")
async def read_usage(caller: User, services: ServicesDep, days: Annotated[int, Query(ge=0, le=3660)] = 31) -> Usage:
    """Use of today and of so many days before, and the counters of all time."""

    async def work(db: Connection) -> Usage:
        counted = await (await db.execute(COUNTERS, (days, caller.user_id))).fetchone()
        if counted is None:
            raise ApiError("user_not_found", "There is no profile of this account.")
        found = await (await db.execute(SINCE, (caller.user_id, days))).fetchall()
        return Usage(
            since=counted["since"], days=[Use.model_validate(day) for day in found],
            total=Counters.model_validate(counted),
        )  # fmt: skip

    return await services.database.read(caller.identity, work)
