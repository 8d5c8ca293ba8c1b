"""Export of everything that is held of a person, and erasure of their account.

See docs/specification/endpoints.md#user-export and docs/specification/endpoints.md#account-erasure.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from psycopg.errors import InsufficientPrivilege
from pydantic import BaseModel, Field

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..identity import SERVER, Caller
from ..openapi import refusals
from ..services import Services
from .json_route import JsonRoute

router = APIRouter(prefix="/api/user", tags=["account"], route_class=JsonRoute)

LONG_SECONDS = 300.0
"""Limit of a statement that goes through everything an account has."""


EXPORT = """
select case when not told ? 'error' then told::text end as told
from (select export_user_data(%s)::jsonb as told offset 0) as one
"""
"""As text: to read a large document and to write it again would keep everybody waiting."""


class Leaving(BaseModel):
    """Who it is that asks: whoever has an open terminal is not always its owner."""

    password: str | None = Field(
        None, max_length=1024, description="Not needed within ten minutes of signing in, by whatever way."
    )


class Left(BaseModel):
    """Nothing is left."""

    success: bool = True


@router.get(
    "/export",
    dependencies=[limited("B")],
    responses=refusals(404)
    | {200: {"description": "One object.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    response_class=JSONResponse,
)
async def export(caller: User, services: ServicesDep) -> Response:
    """Return everything that the server holds of the caller: what ``export_user_data`` gives."""

    async def work(db: Connection) -> Any:
        row = await (await db.execute(EXPORT, (caller.user_id,))).fetchone()
        return row["told"] if row else None

    told = await services.database.read(caller.identity, work, seconds=LONG_SECONDS)
    if told is None:
        raise ApiError("user_not_found", "There is no profile of this account.")
    return Response(told, headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.delete("/account", responses=refusals(400, 403, 408, 413, 415, 429, 501))
async def erase(caller: User, services: ServicesDep, request: Request, told: Leaving | None = None) -> Left:
    """Erase the caller's account with everything in it, tombstones too. It cannot be brought back."""
    await _require_owner(caller, services, request, told.password if told else None)

    async def work(db: Connection) -> None:
        await db.execute("delete from auth.users where id = %s", (caller.user_id,))

    try:
        await services.database.write(SERVER, work, seconds=LONG_SECONDS)
    except InsufficientPrivilege:
        raise ApiError("not_implemented", "This account is erased where it signs in.") from None
    return Left()


async def _require_owner(caller: Caller, services: Services, request: Request, password: str | None) -> None:
    """Raise ApiError unless the caller has just proved to be the owner of the account."""
    count_attempt = partial(services.limits.count_password, request, caller.identity.email)
    match await services.reauthentication.check(caller, password, count_attempt):
        case "wrong":
            raise ApiError("forbidden", "The password is not right. Nothing was erased.")
        case "stale" if caller.is_external:
            raise ApiError(
                "forbidden",
                "This account signs in elsewhere, and is erased here within ten minutes of signing in there. Nothing"
                " was erased.",
                suggestions=["Sign in again, and erase the account then."],
            )
        case "stale":
            raise ApiError(
                "forbidden",
                "An account is erased with its password, or within ten minutes of signing in. Nothing was erased.",
                suggestions=["Send the password, or sign in again first."],
            )
