"""Values of ops: validation and comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sterna.sync.wire import TITLE_LENGTH, BadItem, Message, Op, format_time, message_columns, parse_time

MAX_SETTING_KEY = 100
MAX_CHARACTER_BYTES = 4
"""Bytes of a character in UTF-8."""


def validated(op: Op, now: int, message_bytes: int) -> Any:
    """Return the value of a put as on the wire, or an object that encodes to it. Raises BadItem."""
    value = op.value
    if not isinstance(value, Mapping):
        raise BadItem("bad_value")
    if op.kind == "c":
        title = value.get("title")
        if not isinstance(title, str):
            raise BadItem("bad_title")
        if len(title) > TITLE_LENGTH:
            raise BadItem("title_too_long")
        at = datetime.fromtimestamp(now / 1000, UTC)
        return {"title": title, "createdAt": format_time(min(parse_time(value.get("createdAt")) or at, at))}
    if op.kind == "s":
        if value.get("value") is None:
            raise BadItem("bad_value")
        if len(op.id.rpartition("/")[2]) > MAX_SETTING_KEY:
            raise BadItem("bad_id")
        return {"value": value["value"]}
    return _message(op, value, message_bytes)


@dataclass(frozen=True, slots=True)
class MessageValue:
    """A validated message of a push: columns to write, and its form on the wire on request."""

    id: str
    columns: Mapping[str, Any]
    raw: Any = None

    def encode(self) -> dict[str, Any]:
        """Return the message as on the wire."""
        columns = dict(self.columns)
        columns["timestamp"] = parse_time(columns["timestamp"])
        message = Message(id=self.id, **columns).encode()
        return message if self.raw is None else message | {"raw_message": self.raw}


def _message(op: Op, value: Mapping[str, Any], message_bytes: int) -> MessageValue:
    columns = message_columns(value, is_clean=True)  # values of decoded ops are
    if "timestamp" not in columns:
        raise BadItem("bad_timestamp")
    content = columns["content"]
    if len(content) * MAX_CHARACTER_BYTES > message_bytes and len(content.encode()) > message_bytes:
        raise BadItem("too_large")
    return MessageValue(op.id, columns, value.get("raw_message"))


def encode_value(value: Any) -> Any:
    """Return a value as on the wire."""
    return value.encode() if isinstance(value, MessageValue) else value


def is_same(kind: str, current: Any, new: Any) -> bool:
    """Return whether two values are equal; the creation time of a conversation cannot change."""
    if current is None or new is None:
        return current is new
    return bool(current["title"] == new["title"] if kind == "c" else current == encode_value(new))
