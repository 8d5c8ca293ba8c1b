"""Values of ops: checked before they are taken, and compared by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sync.wire import TITLE_LENGTH, BadItem, Message, Op, instant_of, written

SETTING_KEY = 100


def taken(op: Op, now: int, message_bytes: int) -> Any:
    """The value of a put as it is kept, which is how others will see it. Raises BadItem."""
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


def _message(op: Op, found: Mapping[str, Any], message_bytes: int) -> dict[str, Any]:
    message = Message.decode({**found, "id": op.id})
    if message.timestamp is None:
        raise BadItem("bad_timestamp")
    if len(message.content.encode()) > message_bytes:
        raise BadItem("too_large")
    value = replace(message, extra={}).encode()
    raw = found.get("raw_message")
    return value if raw is None else value | {"raw_message": raw}


def same(kind: str, one: Any, other: Any) -> bool:
    """Whether two values of a kind say the same. When a conversation was made is not up to who names it later."""
    if one is None or other is None:
        return one is other
    return bool(one["title"] == other["title"] if kind == "c" else one == other)
