"""Jan: a folder for each thread, with its description and its messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import dirname
from typing import Any

from ..chat_messages import ChatMessages, shown
from ..documents import document
from ..items import empty
from ..json_stream import BrokenJson, json_lines
from ..reader import Reader
from ..records import Conversation, Message, Skipped, ToolCall
from ..times import moment
from ..tree import FileTree
from ..values import at, chosen, count, flag, identifier, mapping, mappings, parsed, text

Object = dict[str, Any]

_THREAD = re.compile(rb'(?<!\\)"assistants"\s*:\s*\[|"object"\s*:\s*"thread"')


class Jan(Reader):
    """Threads of Jan, each of them a unit."""

    name = "jan"
    label = "Jan"

    def detect(self, tree: FileTree) -> list[str]:
        paths = set(tree.paths)
        return [
            dirname(path)
            for path in tree.paths
            if path.rpartition("/")[2] == "thread.json"
            and _THREAD.search(tree.head(path))
            and _beside(path, "messages.jsonl") in paths
        ]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        prefix = f"{path}/" if path else ""
        thread = mapping(document(tree, f"{prefix}thread.json"))
        lines: list[Object] = []
        with tree.open(f"{prefix}messages.jsonl") as file:
            for _, value in json_lines(file):
                if isinstance(value, dict):
                    lines.append(value)
                else:
                    reason = str(value) if isinstance(value, BrokenJson) else "It is no message."
                    yield Skipped(reason, where=f"{prefix}messages.jsonl")
        yield _conversation(thread, lines)


def _beside(path: str, name: str) -> str:
    return f"{dirname(path)}/{name}" if "/" in path else name


def _conversation(thread: Object, lines: list[Object]) -> Conversation | Skipped:
    assistant = next(iter(mappings(thread.get("assistants"))), {})
    chat = ChatMessages()
    for value in _oldest_first(lines):
        message = chat.add(value)
        if message is not None:
            _add_fields(message, value)
    native = identifier(thread.get("id"))
    title = text(thread.get("title")) or text(at(thread, "metadata", "title"))
    if not chat.messages:
        return empty(title, native)
    return Conversation(
        native,
        title,
        chat.messages,
        created_at=moment(thread.get("created")),
        updated_at=moment(thread.get("updated")),
        model=text(at(assistant, "model", "id")) or text(at(thread, "model", "id")) or None,
        system_prompt=text(assistant.get("instructions")) or chat.system_prompt,
        is_pinned=flag(thread.get("isFavorite")) or flag(at(thread, "metadata", "is_favorite")),
        project=text(at(thread, "metadata", "project", "name")),
    )


def _oldest_first(lines: list[Object]) -> list[Object]:
    """Return the lines in the order of the talk: old versions wrote the newest first."""
    times = [moment(line.get("created_at")) for line in lines]
    known = [time for time in times if time is not None]
    return lines[::-1] if known and known[0] > known[-1] else lines


def _add_fields(message: Message, value: Object) -> None:
    metadata = mapping(value.get("metadata"))
    for entry in mappings(metadata.get("tool_calls")):
        call = mapping(entry.get("tool")) or entry
        function = mapping(call.get("function"))
        response = entry.get("response")
        result = None if response is None else shown(mapping(response).get("content") or response)
        name = text(function.get("name")) or text(call.get("name")) or "tool"
        message.parts.insert(
            0, ToolCall(name, parsed(function.get("arguments")), result, id=identifier(call.get("id")))
        )
    usage = mapping(metadata.get("usage"))
    message.input_tokens = message.input_tokens or count(usage.get("inputTokens"))
    message.output_tokens = message.output_tokens or count(usage.get("outputTokens"))
    message.model = (
        message.model or text(at(metadata, "assistant", "model", "id")) or text(metadata.get("modelId")) or None
    )
    message.stopped = text(value.get("status")) == "stopped"
    if text(value.get("status")) == "error":
        message.error = text(metadata.get("error")) or "The reply failed."
    message.metadata |= chosen(metadata, "tokenSpeed")
