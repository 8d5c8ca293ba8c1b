"""Transcripts of Cursor's agent: JSON lines or plain text, without times and without what tools returned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..lines import first_records, records
from ..records import Conversation, Message, Part, Role, Skipped, Text, ToolCall, Unsupported
from ..tree import FileTree
from ..values import at, identifier, items, text
from .cursor_context import typed

_SPEAKER = re.compile(r"^(user|assistant):[ \t]*\r?$", re.MULTILINE)
_CALL = re.compile(r"\[Tool call\] (\S+)\n((?:[ \t]+\S.*(?:\n|\Z))*)")
_RESULT = re.compile(r"\[Tool result\] \S+[ \t]*(?:\n|\Z)")
_THOUGHT = re.compile(r"\[Thinking\][ \t]*(.*?)(?=\n\[|\n\n|\Z)", re.DOTALL)
_LARGEST = 1 << 26


def read_transcript(tree: FileTree, path: str, key: str) -> Iterator[Conversation | Skipped]:
    """Yield the session of a transcript. Messages are known by their place."""
    conversation = Conversation(key, resume=f"cursor-agent --resume {key}" if key.replace("-", "").isalnum() else "")
    if first_records(tree, path, 1):
        for number, record in records(tree, path):
            if isinstance(record, Skipped):
                yield record
            elif record.get("role") in ("user", "assistant"):
                message = Message(str(number), "user" if record["role"] == "user" else "assistant")
                for block in items(at(record, "message", "content")):
                    _add(message, _part(block))
                conversation.messages.append(message)
    else:
        with tree.open(path) as file:
            spoken = _SPEAKER.split(file.read(_LARGEST).decode("utf-8-sig", "replace").replace("\r\n", "\n"))
        for number, (speaker, said) in enumerate(zip(spoken[1::2], spoken[2::2], strict=True)):
            conversation.messages.append(_plain(str(number), "user" if speaker == "user" else "assistant", said))
    if conversation.messages:
        yield conversation


def _part(block: Any) -> Part:
    kind = text(at(block, "type"))
    if isinstance(block, str) or kind == "text":
        return Text(block if isinstance(block, str) else text(block.get("text")))
    if kind == "tool_use":
        return ToolCall(text(block.get("name")) or "tool", block.get("input"), id=identifier(block.get("id")))
    return Unsupported(kind or "block", block)


def _add(message: Message, part: Part) -> None:
    if not isinstance(part, Text) or message.role != "user":
        message.parts.append(part)
        return
    said, context = typed(part.text)
    if said:
        message.parts.append(Text(said))
    if context:
        message.metadata["context"] = context
    if context and not said:
        message.parts.append(part)
        message.hidden = True


def _plain(key: str, role: Role, said: str) -> Message:
    message = Message(key, role)
    if role == "user":
        _add(message, Text(said.strip()))
        return message
    message.reasoning = "\n\n".join(found.strip() for found in _THOUGHT.findall(said))
    said = _RESULT.sub("", _THOUGHT.sub("", said))
    end = 0
    for found in _CALL.finditer(said):
        if before := said[end : found.start()].strip():
            message.parts.append(Text(before))
        message.parts.append(ToolCall(found[1], found[2].strip() or None))
        end = found.end()
    if rest := said[end:].strip():
        message.parts.append(Text(rest))
    return message
