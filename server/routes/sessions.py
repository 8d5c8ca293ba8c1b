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
from .session_row import COLUMNS, ConversationRow, already_deleted, fetch_row, new_id, required_id, stored_title

router = APIRouter(
    prefix="/api/chat/sessions", tags=["conversations"], dependencies=[limited("C")], route_class=JsonRoute
)
clear_router = APIRouter(prefix="/api/chat/clear-all", tags=["conversations"], dependencies=[limited("C")])

LIST = "select" + COLUMNS + "from chat_sessions where user_id = %(user)s order by updated_at desc, id desc"
DELETED_BEFORE = """
    select true as was_deleted from sync_rows
    where user_id = %(user)s and kind = 'c' and id = %(id)s and deleted_at is not null
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
    """All conversations, last changed first."""

    sessions: list[ConversationRow]
    count: int


class NewConversation(BaseModel):
    """A new, empty conversation."""

    id: str = Field(
        min_length=1, description="Created by the client.", json_schema_extra=NOT_BLANK | {"maxLength": 255}
    )
    title: str | None = Field(None, description="New Chat if empty or absent.", json_schema_extra={"maxLength": 255})


class Rename(BaseModel):
    """A new title of a conversation."""

    id: str = Field(min_length=1, json_schema_extra=NOT_BLANK)
    title: str | None = Field(description="New Chat if empty.", json_schema_extra={"maxLength": 255})


class Stored(BaseModel):
    """A conversation after a change."""

    session: ConversationRow
    success: Literal[True] = True


class Deleted(BaseModel):
    """The conversation does not exist any more, or never did."""

    success: Literal[True] = True
    message: str = "Session deleted successfully"


class Cleared(BaseModel):
    """No conversation is left."""

    success: Literal[True] = True
    message: str
    deletedCount: int  # noqa: N815 - the name on the wire


@router.get("")
async def list_sessions(caller: User, services: ServicesDep) -> Listing:
    """List the conversations of the caller without messages, last changed first."""

    async def work(db: Connection) -> list[ConversationRow]:
        cursor = await db.execute(LIST, {"user": caller.user_id})
        return [ConversationRow.model_validate(row) for row in await cursor.fetchall()]

    rows = await services.database.read(caller.identity, work)
    return Listing(sessions=rows, count=len(rows))


@router.post("", status_code=201, responses=refusals(409))
async def create_session(new: NewConversation, caller: User, services: ServicesDep) -> Stored:
    """Create an empty conversation. 409 if the id is in use or belongs to a deleted one."""
    values = {"user": caller.user_id, "id": new_id(new.id), "title": stored_title(new.title)}

    async def work(db: Connection) -> ConversationRow:
        if await (await db.execute(DELETED_BEFORE, values)).fetchone():
            raise already_deleted()
        row = await (await db.execute(INSERT, values)).fetchone()
        if row is None:
            raise ApiError("conflict", "You already have a conversation with this ID.", details="already_exists")
        return ConversationRow.model_validate(row)

    return Stored(session=await services.database.write(caller.identity, work))


@router.patch("", responses=refusals(404))
async def rename_session(change: Rename, caller: User, services: ServicesDep) -> Stored:
    """Change the title of a conversation."""
    values = {"user": caller.user_id, "id": required_id(change.id), "title": stored_title(change.title)}

    async def work(db: Connection) -> ConversationRow:
        return await fetch_row(db, RENAME, values)

    return Stored(session=await services.database.write(caller.identity, work))


@router.delete("")
async def delete_session(
    caller: User, services: ServicesDep, id: Annotated[str, Query(json_schema_extra=REQUIRED)] = ""
) -> Deleted:
    """Delete a conversation and its messages. Also succeeds without one, so that it can be repeated."""
    values = {"user": caller.user_id, "id": required_id(id)}

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
