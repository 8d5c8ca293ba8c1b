"""Values of ops: checked before they are taken, and compared by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.wire import BadItem, Message, Op, instant_of


def taken(op: Op, title_length: int, message_bytes: int) -> Any:
    """The value of a put, as it is kept. Raises BadItem."""
    found = op.value
    if not isinstance(found, Mapping):
        raise BadItem("bad_value")
    if op.kind == "c":
        title = found.get("title")
        if not isinstance(title, str):
            raise BadItem("bad_title")
        if len(title) > title_length:
            raise BadItem("title_too_long")
        instant_of(found.get("createdAt"))
        return {"title": title, "createdAt": found.get("createdAt")}
    if op.kind == "s":
        if "value" not in found or found["value"] is None:
            raise BadItem("bad_value")
        return {"value": found["value"]}
    message = Message.decode({**found, "id": op.id})
    if len(message.content.encode()) > message_bytes:
        raise BadItem("too_large")
    return dict(found) | {"id": op.id}


def same(kind: str, one: Any, other: Any) -> bool:
    """Whether two values of a kind say the same."""
    if one is None or other is None:
        return one is other
    if kind == "c":
        return bool(one["title"] == other["title"])
    if kind == "s":
        return bool(one["value"] == other["value"])
    return _message(one) == _message(other)


def _message(value: Mapping[str, Any]) -> tuple[Message, Any]:
    found = Message.decode(value)
    known = {name: getattr(found, name) for name in Message.__slots__ if name != "extra"}
    return Message(**known), value.get("raw_message")
