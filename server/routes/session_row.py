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
"""All columns except last_message, which is a whole message."""

NEW_CHAT = "New Chat"


class ConversationRow(BaseModel):
    """A row of chat_sessions, with times to the microsecond so that changes within a millisecond differ."""

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


def stored_title(title: str | None) -> str:
    """Return the title to store. Raises ApiError title_too_long."""
    if title is None or not title.strip():
        return NEW_CHAT
    if len(title) > TITLE_LENGTH:
        raise ApiError("bad_request", "A title can have at most 255 characters.", details="title_too_long")
    return title


def required_id(session_id: str) -> str:
    """Return the id of a request. Raises ApiError without one."""
    if not session_id.strip():
        raise ApiError("bad_request", "Session ID required")
    return session_id


def new_id(session_id: str) -> str:
    """Return the id of a new conversation. Raises ApiError for an invalid one."""
    new = required_id(session_id)
    if len(new) > ID_LENGTH:
        raise ApiError("bad_request", "A session ID can have at most 255 characters.", details="id_too_long")
    return new


def query_time(text: str) -> str:
    """Return a time of the query string with its plus sign: one that was not escaped arrives as a blank."""
    return text.replace(" ", "+") if "T" in text else text


def not_found() -> ApiError:
    """Return the error for a conversation that the caller does not have."""
    return ApiError("not_found", "Session not found or access denied")


def already_deleted() -> ApiError:
    """Return the error for creating a deleted conversation again."""
    return ApiError("conflict", "This conversation was deleted.", details="conversation_deleted")


async def fetch_row(db: Connection, query: LiteralString | Composed, values: dict[str, Any]) -> ConversationRow:
    """Return the row of a query. Raises ApiError if the caller has none."""
    row = await (await db.execute(query, values)).fetchone()
    if row is None:
        raise not_found()
    return ConversationRow.model_validate(row)
