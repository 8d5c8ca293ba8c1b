"""Sterna's own JSON: one conversation a line, as docs/export.schema.json describes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sterna.storage import LiveReply, Message, attachments_json
from sterna.storage.conversations.documents import short_name
from sterna.storage.conversations.reply_notes import reply_details
from sterna.storage.conversations.tool_calls import TOOL_CALLS, tool_calls
from sterna.storage.database.maintenance import EXPORT_VERSION
from sterna.storage.records import ATTACHMENT_IDS

from ..chat import Chat
from ..files import ExportFiles
from ..format import Format, Options
from ..json_text import json_line

_SAID = frozenset({ATTACHMENT_IDS})
"""Metadata that repeats what an object says in another way."""


class JsonLines(Format):
    """What `sterna show --json` prints of each conversation, with further metadata and the version of the schema."""

    name = "json"
    suffix = ".json"

    def pieces(self, chats: Iterable[Chat], files: ExportFiles, options: Options) -> Iterator[str]:
        for chat in chats:
            messages = chat.messages if options.branches else chat.shown
            value = chat_object(chat, messages) | {"schema_version": EXPORT_VERSION}
            for printed, message in zip(value["messages"], messages, strict=True):
                if rest := {key: item for key, item in message.metadata.items() if key not in {*printed, *_SAID}}:
                    printed["metadata"] = rest
            yield json_line(value) + "\n"
            for message in chat.messages:
                for attachment in message.attachments:
                    files.link(attachment)


def chat_object(chat: Chat, messages: Sequence[Message]) -> dict[str, Any]:
    """Return a conversation with these of its messages as a JSON value."""
    columns = ("title", "created_at", "updated_at", "message_count", "total_tokens", "last_model")
    labels = chat.labels
    return (
        {"id": chat.conversation.id, "name": short_name(chat.conversation.id)}
        | {name: getattr(chat.conversation, name) for name in columns}
        | {"pinned": labels.pinned, "archived": labels.archived, "tags": list(labels.tags)}
        | {"settings": dict(chat.settings)}
        | {"messages": [_message_object(message) for message in messages]}
        | {"live": [_live_reply_object(reply) for reply in chat.live]}
    )


def _message_object(message: Message) -> dict[str, Any]:
    attached = {"attachments": attachments_json(message.attachments)} if message.attachments else {}
    return (
        {
            "id": message.id,
            "role": message.role,
            "content": message.content,
            "at": message.message_timestamp,
            "model": message.model,
            "finish": message.finish,
            "error": message.error_message,
            "reasoning": message.reasoning or "",
            "input_tokens": message.input_tokens,
            "output_tokens": message.output_tokens,
            "total_tokens": message.total_tokens,
            "elapsed_ms": message.elapsed_ms,
            "parent_id": message.parent_id,
        }
        | attached
        | ({TOOL_CALLS: message.metadata[TOOL_CALLS]} if tool_calls(message.metadata) else {})
        | reply_details(message.metadata)
    )


def _live_reply_object(reply: LiveReply) -> dict[str, Any]:
    waiting = {"waiting": reply.waiting} if reply.waiting is not None else {}
    calls = {TOOL_CALLS: reply.metadata[TOOL_CALLS]} if tool_calls(reply.metadata) else {}
    return {"id": reply.id, "model": reply.model, "content": reply.content} | waiting | calls
