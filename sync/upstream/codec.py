"""Rows of the history in upstream's words and back.

See docs/specification/endpoints.md#conversation-object and the sections after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sterna.storage import Entry, InMessage, Outgoing, OutMessage, stamp, stored_time
from sterna.storage.json_text import from_json, json_object

from ..wire import METADATA, BadItem, Message, cleaned, instant_of, written
from ..wire.values import LARGEST_INT, json_value

_COUNTS = ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "output_image_tokens")
_NOISE = frozenset({"retry_available", "output_images", "created_at", "updated_at"})
"""What a server says of a message that is no part of it."""


def conversation_item(one: Outgoing, user_id: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """A conversation for ``POST /api/chat/sync``: the title only where it is new, the counters always."""
    row = one.row
    item = {
        "id": one.id,
        "userId": user_id,
        "createdAt": _wire_time(row["created_at"]),
        "updatedAt": _wire_time(row["updated_at"]),
        "messageCount": min(row["message_count"], LARGEST_INT),
        "totalTokens": min(row["total_tokens"], LARGEST_INT),
        "isActive": False,
        "messages": messages,
    }
    if one.rev is not None:
        item["title"] = row["title"]
    told = {"lastModel": row["last_model"], "lastMessagePreview": row["last_message_preview"]}
    if row["last_message_timestamp"] is not None:
        told["lastMessageTimestamp"] = _wire_time(row["last_message_timestamp"])
    item |= {name: value for name, value in told.items() if value is not None}
    found: dict[str, Any] = json_value(item)
    return found


def message_item(one: OutMessage) -> dict[str, Any]:
    """A message, whole: the server writes every column, also of what is not there."""
    value = one.value
    told = {name: value[name] for name in _PLAIN} | {
        name: min(max(value[name] or 0, 0), LARGEST_INT) for name in _COUNTS
    }
    metadata = json_object(value["metadata"])
    message = Message(
        id=one.id,
        timestamp=stored_time(value["message_timestamp"]),
        content_type=value["content_type"] or "text",
        error_message=value["error_message"] or None,
        was_streaming=bool(value["is_streaming"]),
        has_attachments=bool(value["has_attachments"]),
        has_websearch=bool(value["has_websearch"]),
        reasoning_details=from_json(value["reasoning_details"]),
        annotations=from_json(value["annotations"]),
        extra=one.extra,
        **told,
    )
    item = message.encode()
    if message.role == "user" and message.model is not None:
        item["model"] = message.model  # upstream reads one name here and the other there
    if isinstance(metadata, dict):
        item |= {wire: metadata[name] for wire, name in METADATA.items() if name in metadata}
    found: dict[str, Any] = json_value(item)
    return found


def message_in(item: Any) -> InMessage:
    """A message as the server shows it. Raises BadItem."""
    told = Message.decode(item)
    if told.timestamp is None:
        raise BadItem("bad_timestamp")
    extra = {name: value for name, value in told.extra.items() if name not in _NOISE}
    if item.get("attachment_ids"):
        extra["attachment_ids"] = json_value(item["attachment_ids"])
    value = {name: getattr(told, name) for name in (*_PLAIN, *_COUNTS)} | {
        "message_timestamp": stamp(told.timestamp),
        "content_type": told.content_type,
        "error_message": told.error_message,
        "is_streaming": int(told.was_streaming),
        "metadata": _json(dict(told.metadata)),
        "raw_message": None,
        "reasoning_details": _json(told.reasoning_details) if told.reasoning_details else None,
        "annotations": _json(told.annotations) if told.annotations else None,
        "has_attachments": int(told.has_attachments),
        "attachment_count": told.attachment_count,
        "has_websearch": int(told.has_websearch),
        "websearch_result_count": told.websearch_result_count,
    }
    return InMessage(told.id, value, extra)


def listed(item: Any, user_id: str) -> Entry:
    """A conversation of a list: a raw row, or a summary. Raises BadItem, and WrongOwner for somebody else's."""
    if not isinstance(item, Mapping):
        raise BadItem("not_an_object")

    def get(raw: str, summary: str) -> Any:
        return item.get(raw, item.get(summary))

    owner = get("user_id", "userId")
    if owner != user_id:
        raise WrongOwner
    id_, title = item.get("id"), item.get("title")
    if not isinstance(id_, str) or not id_ or not isinstance(title, str):
        raise BadItem("bad_conversation")
    created, updated = instant_of(get("created_at", "createdAt")), instant_of(get("updated_at", "updatedAt"))
    at = instant_of(get("last_message_timestamp", "lastMessageTimestamp"))
    if created is None or updated is None:
        raise BadItem("bad_timestamp")
    model, preview = get("last_model", "lastModel"), get("last_message_preview", "lastMessagePreview")
    return Entry(
        id_,
        cleaned(title)[:255],
        stamp(created),
        stamp(updated),
        _count(get("message_count", "messageCount")),
        _count(get("total_tokens", "totalTokens")),
        cleaned(model)[:100] if isinstance(model, str) else None,
        cleaned(preview)[:200] if isinstance(preview, str) else None,
        stamp(at) if at is not None else None,
    )


class WrongOwner(Exception):
    """A list has a conversation of another account: the sign-in is not whose history this is."""


_PLAIN = (
    "role", "content", "model", "user_message_id", "completion_id", "reasoning", "attachment_count",
    "websearch_result_count",
)  # fmt: skip


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _wire_time(text: str) -> str:
    return written(stored_time(text))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
