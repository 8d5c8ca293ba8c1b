"""Rows of conversations as endpoints show them, and checks of what a request writes into one or asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.sql import Composed
from pydantic import BaseModel

from sterna.sync.wire import ID_LENGTH, TITLE_LENGTH

from ..database.pool import Connection
from ..errors import ApiError

COLUMNS: Final = """
    id,
    user_id,
    title,
    created_at,
    updated_at,
    last_activity,
    message_count,
    total_tokens,
    last_model,
    is_active,
    last_message_preview,
    last_message_timestamp
"""
"""Without last_message: a whole message in every row of a listing."""

NEW_CHAT = "New Chat"


class SessionRow(BaseModel):
    """A row of chat_sessions, times to the microsecond: two changes within a millisecond still differ."""

    id: str
    user_id: UUID
    title: str
    created_at: datetime
    updated_at: datetime
    last_activity: datetime
    message_count: int
    total_tokens: int
    last_model: str | None
    is_active: bool
    last_message_preview: str | None
    last_message_timestamp: datetime | None


def titled(title: str | None) -> str:
    """The title that is stored. Raises ApiError title_too_long."""
    if title is None or not title.strip():
        return NEW_CHAT
    if len(title) > TITLE_LENGTH:
        raise ApiError("bad_request", "A title has 255 characters at most.", details="title_too_long")
    return title


def asked_id(session_id: str) -> str:
    """The id that is looked for. Raises ApiError when none was given."""
    if not session_id.strip():
        raise ApiError("bad_request", "Session ID required")
    return session_id


def new_id(session_id: str) -> str:
    """An id that may be stored. Raises ApiError when it may not."""
    found = asked_id(session_id)
    if len(found) > ID_LENGTH:
        raise ApiError("bad_request", "A session ID has 255 characters at most.", details="id_too_long")
    return found


def query_time(text: str) -> str:
    """Return a time of the query string with its plus sign: one that was not escaped arrives as a blank."""
    return text.replace(" ", "+") if "T" in text else text


def missing() -> ApiError:
    """No such conversation of the caller, whoever else has one."""
    return ApiError("not_found", "Session not found or access denied")


def deleted() -> ApiError:
    """A conversation that was deleted is not made again."""
    return ApiError("conflict", "This conversation was deleted.", details="conversation_deleted")


async def the_row(db: Connection, query: LiteralString | Composed, values: dict[str, Any]) -> SessionRow:
    """The row that ``query`` gives. Raises ApiError when the caller has none such, whoever else has."""
    row = await (await db.execute(query, values)).fetchone()
    if row is None:
        raise missing()
    return SessionRow.model_validate(row)
