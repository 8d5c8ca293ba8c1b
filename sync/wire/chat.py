"""Conversations and their messages, in both vocabularies of upstream.

See docs/specification/endpoints.md#conversation-object and docs/specification/endpoints.md#message-object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

from .message_columns import ATTACHMENTS, METADATA, attachment_ids, message_columns
from .values import (
    LARGEST,
    MODEL_LENGTH,
    PREVIEW_LENGTH,
    TITLE_LENGTH,
    BadItem,
    checked_id,
    count,
    format_time,
    json_value,
    parse_time,
    short_text,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Fields are ids after the columns; ``extra`` has the keys that are unknown here."""

    id: str
    role: str
    content: str
    timestamp: datetime | None = None
    model: str | None = None
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    user_message_id: str | None = None
    content_type: str = "text"
    elapsed_ms: int = 0
    completion_id: str | None = None
    error_message: str | None = None
    was_streaming: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    reasoning: str | None = None
    reasoning_details: Any = None
    has_attachments: bool = False
    attachment_count: int = 0
    has_websearch: bool = False
    websearch_result_count: int = 0
    output_image_tokens: int = 0
    annotations: Any = None
    parent_id: str | None = None
    """The message that it follows: None for the one before it in time, empty for none."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def decode(cls, item: Any) -> Self:
        """Return the message in a JSON value. See docs/specification/decisions.md#message-vocabularies."""
        columns = message_columns(item)
        at = columns.pop("timestamp", None)
        return cls(
            id=checked_id(item.get("id")),
            timestamp=None if at is None else datetime.fromisoformat(at),
            extra=_NO_EXTRA if item.keys() <= _MESSAGE_KEYS else _extra(item),
            **columns,
        )

    def encode(self) -> dict[str, Any]:
        """Return the message as JSON: without fields that have no value, and with the latency in both units."""
        item: dict[str, Any] = dict(self.extra) | {
            "id": self.id,
            "role": self.role,
            "content": self.content,
            "contentType": self.content_type,
            "elapsed_ms": self.elapsed_ms,
            "elapsed_time": (self.elapsed_ms + 500) // 1000,
            "has_attachments": self.has_attachments,
        }
        if self.timestamp is not None:
            item["timestamp"] = format_time(self.timestamp)
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None and (value not in (0, False) or name in _JSON):
                item[name] = value
        if self.error_message is not None:
            item["error"] = True
        if self.model is not None and self.role == "user":
            item["originalModel"] = item.pop("model")
        if metadata := {key: value for key, value in self.metadata.items() if key != ATTACHMENTS}:
            item["metadata"] = metadata
        if self.attachment_count and "attachment_ids" not in item:
            ids = attachment_ids(self.metadata.get(ATTACHMENTS))[: self.attachment_count]
            item["attachment_ids"] = ids + [""] * (self.attachment_count - len(ids))
        return item


_NO_EXTRA: Mapping[str, Any] = MappingProxyType({})


def _extra(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json_value(value) for key, value in item.items() if key not in _MESSAGE_KEYS}


_OPTIONAL = (
    "model",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "user_message_id",
    "completion_id",
    "error_message",
    "was_streaming",
    "reasoning",
    "reasoning_details",
    "has_websearch",
    "websearch_result_count",
    "output_image_tokens",
    "annotations",
    "parent_id",
)
_JSON = ("reasoning_details", "annotations")
_MESSAGE_KEYS = (
    {column.name for column in fields(Message)}
    | METADATA.keys()
    | {"originalModel", "contentType", "elapsed_time", "attachment_ids", "error"}
) - {"extra", "attachment_count"}

_CONVERSATION = {
    "title": "title",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
    "message_count": "messageCount",
    "total_tokens": "totalTokens",
    "last_model": "lastModel",
    "last_message_preview": "lastMessagePreview",
    "last_message_timestamp": "lastMessageTimestamp",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. ``given`` names the fields whose key was present: the others are left untouched."""

    id: str
    user_id: str | None = None
    title: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    message_count: int = 0
    total_tokens: int = 0
    last_model: str | None = None
    last_message_preview: str | None = None
    last_message_timestamp: datetime | None = None
    messages: Sequence[Message] = ()
    given: frozenset[str] = frozenset()
    sent: int = 0
    """Number of messages in the request. See docs/specification/decisions.md#duplicate-ids for repeated ids."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def decode(cls, item: Any) -> Self:
        """Return the conversation in a JSON value."""
        if not isinstance(item, dict):
            raise BadItem("not_an_object")
        get = item.get
        session_id = checked_id(get("id"))
        owner = get("userId")
        if owner is not None and not isinstance(owner, str):
            raise BadItem("foreign_user")
        items = get("messages") or []
        if not isinstance(items, list):
            raise BadItem("bad_messages")
        messages: dict[str, Message] = {}
        for value in items:
            message = Message.decode(value)
            messages.pop(message.id, None)
            messages[message.id] = message
        preview = short_text(get("lastMessagePreview"), None, "bad_preview")
        known = _CONVERSATION.values()
        return cls(
            id=session_id,
            user_id=owner,
            title=short_text(get("title"), TITLE_LENGTH, "title_too_long", "bad_title"),
            created_at=parse_time(get("createdAt")),
            updated_at=parse_time(get("updatedAt")),
            message_count=count(get("messageCount")),
            total_tokens=count(get("totalTokens"), LARGEST),
            last_model=short_text(get("lastModel"), MODEL_LENGTH, "model_too_long"),
            last_message_preview=None if preview is None else preview[:PREVIEW_LENGTH],
            last_message_timestamp=parse_time(get("lastMessageTimestamp")),
            messages=tuple(messages.values()),
            given=frozenset(name for name, key in _CONVERSATION.items() if key in item),
            sent=len(items),
            extra={
                k: json_value(v) for k, v in item.items() if k not in known and k not in ("id", "userId", "messages")
            },
        )

    def encode(self) -> dict[str, Any]:
        """Return the conversation as JSON."""
        item: dict[str, Any] = dict(self.extra) | {
            "id": self.id,
            "messages": [message.encode() for message in self.messages],
        }
        if self.user_id is not None:
            item["userId"] = self.user_id
        for name, key in _CONVERSATION.items():
            if name in self.given:
                value = getattr(self, name)
                item[key] = format_time(value) if isinstance(value, datetime) else value
        return item
