"""Sessions of Cursor's agent in ``store.db``: messages by their hash, and a root that lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..inline import linked_file
from ..records import Conversation, Message, Part, Skipped, Text, ToolCall, Unsupported
from ..sqlite import rows
from ..times import moment
from ..values import at, identifier, items, mapping, text
from .cursor_context import typed

if TYPE_CHECKING:
    from sqlite_utils import Database

_HASH = 32
_LISTED = 2
"""Wire type of Protocol Buffers for bytes."""


def stored_session(database: Database, name: str) -> Conversation | Skipped:
    """Return the session of one database; ``name`` stands for an id that it does not say."""
    meta: dict[str, Any] = {}
    for row in rows(database, "meta"):
        meta |= mapping(_unhexed(row.get("value")))
    root = _blob(database, text(meta.get("latestRootBlobId")))
    key = text(meta.get("agentId")) or name
    if not root:
        return Skipped("The session has no messages.", key)
    thread = _Messages()
    for blob in _hashes(root):
        data = _blob(database, blob)
        if data.lstrip()[:1] == b"{":
            thread.take(blob, mapping(_json(data)))
    return Conversation(
        key,
        "" if text(meta.get("name")) == "New Agent" else text(meta.get("name")),
        thread.messages,
        created_at=moment(meta.get("createdAt")),
        model=text(meta.get("lastUsedModel")) or None,
        resume=f"cursor-agent --resume {key}" if key.replace("-", "").isalnum() else "",
    )


class _Messages:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._calls: dict[str, ToolCall] = {}
        self._seen: dict[str, int] = {}

    def take(self, blob: str, data: dict[str, Any]) -> None:
        self._seen[blob] = self._seen.get(blob, 0) + 1
        name = blob[:16] if self._seen[blob] == 1 else f"{blob[:16]} {self._seen[blob]}"
        role, content = text(data.get("role")), data.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
        message = Message(name, "user" if role == "user" else "system" if role == "system" else "assistant")
        message.hidden = role == "system"
        context: list[str] = []
        for block in blocks:
            self._add(message, block, context)
        if context and not message.parts:
            message.parts, message.hidden = [Text(added) for added in context], True
        elif context:
            message.metadata["context"] = context
        if message.parts or message.reasoning:
            self.messages.append(message)

    def _add(self, message: Message, block: Any, context: list[str]) -> None:
        kind = text(at(block, "type"))
        if kind == "text":
            said, added = typed(text(block.get("text"))) if message.role == "user" else (text(block.get("text")), [])
            context.extend(added)
            if said:
                message.parts.append(Text(said))
        elif kind == "reasoning":
            message.reasoning = "\n\n".join(part for part in (message.reasoning, text(block.get("text"))) if part)
        elif kind == "tool-call":
            call = ToolCall(
                text(block.get("toolName")) or "tool", block.get("args"), id=identifier(block.get("toolCallId"))
            )
            self._calls[call.id] = call
            message.parts.append(call)
        elif kind == "tool-result":
            result = block.get("result")
            shown = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
            call_id = identifier(block.get("toolCallId"))
            if call_id in self._calls:
                self._calls[call_id].result, self._calls[call_id].is_error = shown, block.get("isError") is True
            else:
                message.parts.append(ToolCall(text(block.get("toolName")) or "tool", None, shown, id=call_id))
        elif kind in ("image", "file"):
            address = text(block.get("image")) or text(block.get("data")) or text(block.get("url"))
            message.parts.append(_file(address, text(block.get("mimeType")) or text(block.get("mediaType"))))
        elif kind != "redacted-reasoning":
            message.parts.append(Unsupported(kind or "block", block))


def _file(address: str, media_type: str) -> Part:
    is_address = address.startswith(("data:", "http:", "https:", "file:"))
    return linked_file(address if is_address else f"data:{media_type};base64,{address}", media_type=media_type)


def _blob(database: Database, key: str) -> bytes:
    found = rows(database, "blobs", "id = ?", [key]) if key else []
    data = found[0].get("data") if found else b""
    return data if isinstance(data, bytes) else text(data).encode("utf-8", "replace")


def _unhexed(value: Any) -> Any:
    raw = value if isinstance(value, bytes) else text(value).encode("utf-8", "replace")
    try:
        return _json(bytes.fromhex(raw.decode("ascii")))
    except ValueError:
        return _json(raw)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _hashes(root: bytes) -> Iterator[str]:
    """Yield the hashes that a message of Protocol Buffers lists, as far as it can be read."""
    at = 0
    while at < len(root):
        tag, at = _number(root, at)
        if tag & 7 == _LISTED:
            size, at = _number(root, at)
            if size == _HASH:
                yield root[at : at + size].hex()
            at += size
        elif tag & 7 == 0:
            _, at = _number(root, at)
        else:
            at += {1: 8, 5: 4}.get(tag & 7, len(root))


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            break
        shift += 7
    return value, at
