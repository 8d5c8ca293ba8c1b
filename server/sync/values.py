"""Values of ops: checked before they are taken, and compared by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sterna.sync.wire import TITLE_LENGTH, BadItem, Message, Op, instant_of, message_columns, written

SETTING_KEY = 100
LONGEST_CHARACTER = 4
"""Bytes of one in UTF-8."""


def taken(op: Op, now: int, message_bytes: int) -> Any:
    """The value of a put as it is kept: how others will see it, or what encodes to that. Raises BadItem."""
    found = op.value
    if not isinstance(found, Mapping):
        raise BadItem("bad_value")
    if op.kind == "c":
        title = found.get("title")
        if not isinstance(title, str):
            raise BadItem("bad_title")
        if len(title) > TITLE_LENGTH:
            raise BadItem("title_too_long")
        at = datetime.fromtimestamp(now / 1000, UTC)
        return {"title": title, "createdAt": written(min(instant_of(found.get("createdAt")) or at, at))}
    if op.kind == "s":
        if found.get("value") is None:
            raise BadItem("bad_value")
        if len(op.id.rpartition("/")[2]) > SETTING_KEY:
            raise BadItem("bad_id")
        return {"value": found["value"]}
    return _message(op, found, message_bytes)


@dataclass(frozen=True, slots=True)
class MessageValue:
    """A message as a push brings it, checked once: columns to be written, and its form on the wire where one asks."""

    id: str
    columns: Mapping[str, Any]
    raw: Any = None

    def encode(self) -> dict[str, Any]:
        """As others will see it."""
        columns = dict(self.columns)
        columns["timestamp"] = instant_of(columns["timestamp"])
        told = Message(id=self.id, **columns).encode()
        return told if self.raw is None else told | {"raw_message": self.raw}


def _message(op: Op, found: Mapping[str, Any], message_bytes: int) -> MessageValue:
    columns = message_columns(found, is_clean=True)  # as the value of every op is, once it is decoded
    if "timestamp" not in columns:
        raise BadItem("bad_timestamp")
    content = columns["content"]
    if len(content) * LONGEST_CHARACTER > message_bytes and len(content.encode()) > message_bytes:
        raise BadItem("too_large")
    return MessageValue(op.id, columns, found.get("raw_message"))


def encoded(value: Any) -> Any:
    """A value as it is on the wire."""
    return value.encode() if isinstance(value, MessageValue) else value


def same(kind: str, there: Any, came: Any) -> bool:
    """Whether what is there says what came. When a conversation was made is not up to who names it later."""
    if there is None or came is None:
        return there is came
    return bool(there["title"] == came["title"] if kind == "c" else there == encoded(came))
