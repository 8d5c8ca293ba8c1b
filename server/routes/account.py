"""Export of all data of an account, and its deletion.

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
"""Time limit of a statement that reads or deletes a whole account."""


EXPORT = """
select case when not data ? 'error' then data::text end as data
from (select export_user_data(%s)::jsonb as data offset 0) as export
"""
"""Returned as text, because decoding and encoding a large document would block the event loop."""


class AccountDeletion(BaseModel):
    """Proof that the request comes from the owner of the account, and not from somebody at their terminal."""

    password: str | None = Field(None, max_length=1024, description="Required except within ten minutes of signing in.")


class AccountDeleted(BaseModel):
    """The account was deleted."""

    success: bool = True


@router.get(
    "/export",
    dependencies=[limited("B")],
    responses=refusals(404)
    | {200: {"description": "One object.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    response_class=JSONResponse,
)
async def export(caller: User, services: ServicesDep) -> Response:
    """Return all data of the caller, the result of ``export_user_data``."""

    async def work(db: Connection) -> Any:
        row = await (await db.execute(EXPORT, (caller.user_id,))).fetchone()
        return row["data"] if row else None

    document = await services.database.read(caller.identity, work, seconds=LONG_SECONDS)
    if document is None:
        raise ApiError("user_not_found", "This account has no profile.")
    return Response(document, headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.delete("/account", responses=refusals(400, 403, 408, 413, 415, 429, 501))
async def erase(
    caller: User, services: ServicesDep, request: Request, body: AccountDeletion | None = None
) -> AccountDeleted:
    """Delete the caller's account with all its data, including tombstones. This cannot be undone."""
    await _require_owner(caller, services, request, body.password if body else None)

    async def work(db: Connection) -> None:
        await db.execute("delete from auth.users where id = %s", (caller.user_id,))

    try:
        await services.database.write(SERVER, work, seconds=LONG_SECONDS)
    except InsufficientPrivilege:
        raise ApiError("not_implemented", "This account can only be deleted where it signs in.") from None
    return AccountDeleted()


async def _require_owner(caller: Caller, services: Services, request: Request, password: str | None) -> None:
    """Raise ApiError unless the caller has just proved to be the owner of the account."""
    count_attempt = partial(services.limits.count_password, request, caller.identity.email)
    match await services.reauthentication.check(caller, password, count_attempt):
        case "wrong":
            raise ApiError("forbidden", "The password is wrong. Nothing was deleted.")
        case "stale" if caller.is_external:
            raise ApiError(
                "forbidden",
                "This account signs in elsewhere. It can be deleted within ten minutes of signing in there. Nothing was"
                " deleted.",
                suggestions=["Sign in again, and then delete the account."],
            )
        case "stale":
            raise ApiError(
                "forbidden",
                "Deleting an account requires its password, or a sign-in within ten minutes. Nothing was deleted.",
                suggestions=["Send the password, or sign in again first."],
            )
