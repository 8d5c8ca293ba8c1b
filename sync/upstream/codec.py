"""Conversion between rows of the history and upstream's JSON.

See docs/specification/endpoints.md#conversation-object and the sections after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sterna.storage import ConversationEntry, IncomingMessage, OutgoingConversation, OutgoingMessage, stamp, stored_time
from sterna.storage.json_text import from_json, json_object

from ..wire import ATTACHMENTS, METADATA, BadItem, Message, clean_json, format_time, parse_time
from ..wire.values import LARGEST_INT, json_value

_COUNTS = ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "output_image_tokens")
_IGNORED = frozenset({"retry_available", "output_images", "created_at", "updated_at"})
"""Keys of a message in responses that are no part of it."""


def encode_conversation(
    conversation: OutgoingConversation, user_id: str, messages: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a conversation for ``POST /api/chat/sync``, with the title only where it is new."""
    row = conversation.row
    item = {
        "id": conversation.id,
        "userId": user_id,
        "createdAt": _wire_time(row["created_at"]),
        "updatedAt": _wire_time(row["updated_at"]),
        "messageCount": min(row["message_count"], LARGEST_INT),
        "totalTokens": min(row["total_tokens"], LARGEST_INT),
        "isActive": False,
        "messages": messages,
    }
    if conversation.rev is not None:
        item["title"] = row["title"]
    summary = {"lastModel": row["last_model"], "lastMessagePreview": row["last_message_preview"]}
    if row["last_message_timestamp"] is not None:
        summary["lastMessageTimestamp"] = _wire_time(row["last_message_timestamp"])
    item |= {name: value for name, value in summary.items() if value is not None}
    cleaned_item: dict[str, Any] = json_value(item)
    return cleaned_item


def encode_message(outgoing: OutgoingMessage) -> dict[str, Any]:
    """Return a whole message: the server overwrites the columns that are left out, too."""
    value = outgoing.value
    columns = {name: value[name] for name in _COLUMNS} | {
        name: min(max(value[name] or 0, 0), LARGEST_INT) for name in _COUNTS
    }
    metadata = json_object(value["metadata"])
    message = Message(
        id=outgoing.id,
        timestamp=stored_time(value["message_timestamp"]),
        content_type=value["content_type"] or "text",
        error_message=value["error_message"] or None,
        was_streaming=bool(value["is_streaming"]),
        has_attachments=bool(value["has_attachments"]),
        has_websearch=bool(value["has_websearch"]),
        reasoning_details=from_json(value["reasoning_details"]),
        annotations=from_json(value["annotations"]),
        metadata={ATTACHMENTS: metadata[ATTACHMENTS]} if ATTACHMENTS in metadata else {},
        extra=outgoing.extra,
        **columns,
    )
    item = message.encode()
    if message.role == "user" and message.model is not None:
        item["model"] = message.model  # upstream reads one of the names in one place and the other elsewhere
    if isinstance(metadata, dict):
        item |= {wire: metadata[name] for wire, name in METADATA.items() if name in metadata}
    cleaned_item: dict[str, Any] = json_value(item)
    return cleaned_item


def decode_message(item: Any) -> IncomingMessage:
    """Return a message of the server. Raises :class:`BadItem`."""
    message = Message.decode(item)
    if message.timestamp is None:
        raise BadItem("bad_timestamp")
    extra = {name: value for name, value in message.extra.items() if name not in _IGNORED}
    if item.get("attachment_ids"):
        extra["attachment_ids"] = json_value(item["attachment_ids"])
    value = {name: getattr(message, name) for name in (*_COLUMNS, *_COUNTS)} | {
        "message_timestamp": stamp(message.timestamp),
        "content_type": message.content_type,
        "error_message": message.error_message,
        "is_streaming": int(message.was_streaming),
        "metadata": _json(dict(message.metadata)),
        "raw_message": None,
        "reasoning_details": _json(message.reasoning_details) if message.reasoning_details else None,
        "annotations": _json(message.annotations) if message.annotations else None,
        "has_attachments": int(message.has_attachments),
        "attachment_count": message.attachment_count,
        "has_websearch": int(message.has_websearch),
        "websearch_result_count": message.websearch_result_count,
        "parent_id": None,  # such a server knows a line of messages
    }
    return IncomingMessage(message.id, value, extra)


def decode_entry(item: Any, user_id: str) -> ConversationEntry:
    """Return a conversation of a list, which is a row or a summary. Raises :class:`BadItem` and :class:`WrongOwner`."""
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
    created, updated = parse_time(get("created_at", "createdAt")), parse_time(get("updated_at", "updatedAt"))
    at = parse_time(get("last_message_timestamp", "lastMessageTimestamp"))
    if created is None or updated is None:
        raise BadItem("bad_timestamp")
    model, preview = get("last_model", "lastModel"), get("last_message_preview", "lastMessagePreview")
    return ConversationEntry(
        id_,
        clean_json(title)[:255],
        stamp(created),
        stamp(updated),
        _count(get("message_count", "messageCount")),
        _count(get("total_tokens", "totalTokens")),
        clean_json(model)[:100] if isinstance(model, str) else None,
        clean_json(preview)[:200] if isinstance(preview, str) else None,
        stamp(at) if at is not None else None,
    )


class WrongOwner(Exception):
    """Conversation of another account: the sign-in does not belong to this history."""


_COLUMNS = (
    "role", "content", "model", "user_message_id", "completion_id", "reasoning", "attachment_count",
    "websearch_result_count",
)  # fmt: skip


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _wire_time(text: str) -> str:
    return format_time(stored_time(text))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
