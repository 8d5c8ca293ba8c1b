"""What the server knows of the caller: profile, preferences, use, and the models they may use (contract 6.12)."""

from __future__ import annotations

from fastapi import APIRouter

from ..database.pool import Connection
from ..dependencies import User
from ..errors import ApiError
from ..http.rate_limits import limited
from ..openapi import refusals
from ..services import Parts
from .json_route import JsonRoute
from .user_change import DataChange, store
from .user_data import ChangedUserData, UserData, told

router = APIRouter(
    prefix="/api/user/data",
    tags=["account"],
    dependencies=[limited("B")],
    responses=refusals(404),
    route_class=JsonRoute,
)


@router.get("")
async def read_user_data(caller: User, parts: Parts) -> UserData:
    """Profile, preferences, use of today, of the last days and of all time, models and times."""

    async def work(db: Connection) -> UserData:
        return await _known(db, caller)

    return await parts.database.read(caller.identity, work)


@router.put("")
async def change_user_data(change: DataChange, caller: User, parts: Parts) -> ChangedUserData:
    """Change the name and preferences that are given; all of it, or none. Answers what is so afterwards."""
    change.check()

    async def work(db: Connection) -> ChangedUserData:
        await store(db, caller.user_id, change)
        known = await _known(db, caller)
        return ChangedUserData(**dict(known), ignored=change.ignored())

    return await parts.database.write(caller.identity, work)


async def _known(db: Connection, caller: User) -> UserData:
    found = await told(db, caller.user_id)
    if found is None:
        raise ApiError("user_not_found", "There is no profile of this account.")
    return found
