"""Conversations of the caller: list, create, rename and delete them.

See docs/specification/endpoints.md#sessions and docs/specification/endpoints.md#clear-all.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..http.request_schemas import NOT_BLANK
from ..openapi import REQUIRED, refusals
from .json_route import JsonRoute
from .session_row import COLUMNS, SessionRow, asked_id, deleted, new_id, the_row, titled

router = APIRouter(
    prefix="/api/chat/sessions", tags=["conversations"], dependencies=[limited("C")], route_class=JsonRoute
)
clear_router = APIRouter(prefix="/api/chat/clear-all", tags=["conversations"], dependencies=[limited("C")])

LIST = "select" + COLUMNS + "from chat_sessions where user_id = %(user)s order by updated_at desc, id desc"
BURIED = """
    select 1 as one from sync_rows where user_id = %(user)s and kind = 'c' and id = %(id)s and deleted_at is not null
"""
INSERT = """
    insert into chat_sessions (user_id, id, title)
    values (%(user)s, %(id)s, %(title)s)
    on conflict (user_id, id) do nothing
    returning""" + COLUMNS  # fmt: skip
RENAME = "update chat_sessions set title = %(title)s where user_id = %(user)s and id = %(id)s returning" + COLUMNS
DELETE = "delete from chat_sessions where user_id = %(user)s and id = %(id)s"
CLEAR = "delete from chat_sessions where user_id = %s"


class Listing(BaseModel):
    """All of them, the one that changed last first."""

    sessions: list[SessionRow]
    count: int


class NewSession(BaseModel):
    """An empty conversation."""

    id: str = Field(min_length=1, description="Made by the client.", json_schema_extra=NOT_BLANK | {"maxLength": 255})
    title: str | None = Field(None, description="New Chat when empty or absent.", json_schema_extra={"maxLength": 255})


class Rename(BaseModel):
    """Another title for a conversation."""

    id: str = Field(min_length=1, json_schema_extra=NOT_BLANK)
    title: str | None = Field(description="New Chat when empty.", json_schema_extra={"maxLength": 255})


class Stored(BaseModel):
    """The conversation as it is now."""

    session: SessionRow
    success: Literal[True] = True


class Deleted(BaseModel):
    """It is not there any more, or never was."""

    success: Literal[True] = True
    message: str = "Session deleted successfully"


class Cleared(BaseModel):
    """No conversation is left."""

    success: Literal[True] = True
    message: str
    deletedCount: int  # noqa: N815 - the name on the wire


@router.get("")
async def list_sessions(caller: User, services: ServicesDep) -> Listing:
    """Every conversation of the caller, without messages, the one that changed last first."""

    async def work(db: Connection) -> list[SessionRow]:
        found = await db.execute(LIST, {"user": caller.user_id})
        return [SessionRow.model_validate(row) for row in await found.fetchall()]

    rows = await services.database.read(caller.identity, work)
    return Listing(sessions=rows, count=len(rows))


@router.post("", status_code=201, responses=refusals(409))
async def create_session(made: NewSession, caller: User, services: ServicesDep) -> Stored:
    """Make an empty conversation. 409 when the id is in use already, or was and is deleted."""
    values = {"user": caller.user_id, "id": new_id(made.id), "title": titled(made.title)}

    async def work(db: Connection) -> SessionRow:
        if await (await db.execute(BURIED, values)).fetchone():
            raise deleted()
        row = await (await db.execute(INSERT, values)).fetchone()
        if row is None:
            raise ApiError("conflict", "You have a conversation with this ID already.", details="already_exists")
        return SessionRow.model_validate(row)

    return Stored(session=await services.database.write(caller.identity, work))


@router.patch("", responses=refusals(404))
async def rename_session(change: Rename, caller: User, services: ServicesDep) -> Stored:
    """Give a conversation another title."""
    values = {"user": caller.user_id, "id": asked_id(change.id), "title": titled(change.title)}

    async def work(db: Connection) -> SessionRow:
        return await the_row(db, RENAME, values)

    return Stored(session=await services.database.write(caller.identity, work))


@router.delete("")
async def delete_session(
    caller: User, services: ServicesDep, id: Annotated[str, Query(json_schema_extra=REQUIRED)] = ""
) -> Deleted:
    """Delete a conversation and its messages. Succeeds also when there is none, so it may be sent again."""
    values = {"user": caller.user_id, "id": asked_id(id)}

    async def work(db: Connection) -> None:
        await db.execute(DELETE, values)

    await services.database.write(caller.identity, work)
    return Deleted()


@clear_router.delete("")
async def clear_all(caller: User, services: ServicesDep) -> Cleared:
    """Delete every conversation of the caller, with all messages."""

    async def work(db: Connection) -> int:
        return (await db.execute(CLEAR, (caller.user_id,))).rowcount

    count = await services.database.write(caller.identity, work)
    message = "All conversations cleared successfully" if count else "No conversations to clear"
    return Cleared(message=message, deletedCount=count)
