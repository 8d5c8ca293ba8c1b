"""Columns that only an export of Sterna itself has: what it wrote is taken as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sterna.storage.imports.records import IncomingConversation
from sterna.storage.json_text import to_json
from sterna.storage.text import storable

from .records import Conversation, Message

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_TEXTS = {
    "user_message_id": 255, "completion_id": 255, "parent_id": 255, "error_message": 1 << 30, "content_type": 8,
    "reasoning": 1 << 30,
}  # fmt: skip
_NUMBERS = {
    "elapsed_time": 2**31 - 1, "is_streaming": 1, "has_attachments": 1, "attachment_count": 3, "has_websearch": 1,
    "websearch_result_count": 50, "output_image_tokens": 2**31 - 1, "total_tokens": 2**31 - 1,
}  # fmt: skip
_JSON = ("raw_message", "reasoning_details", "annotations")


def take_columns(row: dict[str, Any], message: Message) -> None:
    """Put the columns of an exported row over those that were made from the message."""
    given = message.metadata.get("columns")
    columns: Mapping[str, Any] = given if isinstance(given, dict) else {}
    for name, limit in _TEXTS.items():
        value = columns.get(name, row.get(name))
        row[name] = storable(value)[:limit] if isinstance(value, str) else None
    if row["content_type"] not in ("text", "markdown"):
        row["content_type"] = "text"
    for name, most in _NUMBERS.items():
        value = columns.get(name, row.get(name, 0))
        row[name] = min(max(int(value), 0), most) if isinstance(value, int) else 0
    for name in _JSON:
        row[name] = None if columns.get(name) is None else to_json(columns[name])
    if isinstance(at := columns.get("message_timestamp"), str) and _TIME.fullmatch(at):
        row["message_timestamp"] = at


def take_times(incoming: IncomingConversation, conversation: Conversation) -> None:
    """Give a conversation the times that its exported row has."""
    session = conversation.metadata.get("session")
    if isinstance(session, dict):
        for name in ("created_at", "updated_at", "last_activity"):
            if isinstance(value := session.get(name), str) and _TIME.fullmatch(value):
                setattr(incoming, name, value)
