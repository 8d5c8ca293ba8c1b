"""Topics of Cherry Studio, whose messages are lists of blocks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from functools import partial
from posixpath import basename
from typing import TYPE_CHECKING, Any

from ..chat_messages import add_reasoning, shown
from ..inline import linked_file
from ..items import empty, last_model
from ..records import ROOT, Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from ..times import moment
from ..tree import FileTree
from ..values import at, count, flag, identifier, items, mapping, mappings, text

if TYPE_CHECKING:
    from sqlite_utils.db import Table

Object = dict[str, Any]


class Backup:
    """What topics refer to: blocks of messages, assistants and files."""

    def __init__(self, tree: FileTree, topics: dict[str, tuple[Object, Object]]) -> None:
        self.topics = topics
        """A topic's description and its assistant, by its id."""
        self._connection = sqlite3.connect("", check_same_thread=False)  # on disk, as there can be gigabytes
        self._blocks = _blocks_table(self._connection)
        self._tree = tree
        self._files: dict[str, Object] = {}
        self._paths = {basename(path).partition(".")[0]: path for path in tree.paths if "Files/" in path}

    def close(self) -> None:
        self._connection.close()

    def add_blocks(self, blocks: Iterable[Any]) -> None:
        stored = ({"id": json.dumps(each.get("id")), "value": json.dumps(each)} for each in blocks if mapping(each))
        self._blocks.insert_all(stored, replace=True)

    def add_files(self, files: Iterable[Any]) -> None:
        self._files |= {identifier(file.get("id")): file for file in files if isinstance(file, dict)}

    def block(self, value: object) -> Object:
        """Return the block of an id; old versions have it in the message itself."""
        if isinstance(value, dict):
            return value
        found = list(self._blocks.rows_where("id = ?", [json.dumps(value)]))
        return mapping(json.loads(found[0]["value"])) if found else {}

    def file(self, value: Object) -> Attachment:
        file_id = identifier(value.get("id"))
        known = self._files.get(file_id, value)
        name = text(known.get("origin_name")) or text(value.get("origin_name")) or text(known.get("name")) or "file"
        path = self._paths.get(file_id) if file_id else None
        return Attachment(name, "", partial(self._tree.open, path) if path else None)


def _blocks_table(connection: sqlite3.Connection) -> Table:
    import sqlite_utils

    database = sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)
    return database.table("block").create({"id": str, "value": str}, pk="id")


def conversation(topic: Object, backup: Backup) -> Conversation | Skipped:
    native = identifier(topic.get("id"))
    described, assistant = backup.topics.get(native, ({}, {}))
    title = text(described.get("name"))
    values = mappings(topic.get("messages"))
    messages = [_message(value, backup) for value in values]
    for number, message in enumerate(messages):
        message.id = message.id or f"message-{number}"
    _link(messages, values)
    messages = [message for message in messages if message.parts or message.reasoning or message.error]
    if not messages:
        return empty(title, native)
    return Conversation(
        native,
        title,
        messages,
        created_at=moment(described.get("createdAt")),
        updated_at=moment(described.get("updatedAt")),
        model=text(at(assistant, "model", "id")) or last_model(messages),
        system_prompt=text(described.get("prompt")) or text(assistant.get("prompt")),
        is_pinned=flag(described.get("pinned")),
        project=text(assistant.get("name")),
    )


def _link(messages: list[Message], values: list[Object]) -> None:
    """Set parents: answers to one question stand side by side, and the chosen one of them leads on.

    That is the one marked as useful, or else as selected, or else the last. Messages that say nothing lead to none.
    """
    leaf = ROOT
    group: str = ""
    above = ROOT
    rank = -1
    for message, value in zip(messages, values, strict=True):
        says = bool(message.parts or message.reasoning or message.error)
        asked = identifier(value.get("askId")) if message.role == "assistant" else ""
        if not says:
            continue
        if not asked or asked != group:
            above, rank = leaf, -1
        group = asked
        message.parent = above
        own = 2 if flag(value.get("useful")) else 1 if flag(value.get("foldSelected")) else 0
        if own >= rank:
            leaf, rank = message.id, own


def _message(value: Object, backup: Backup) -> Message:
    role = text(value.get("role"))
    message = Message(
        identifier(value.get("id")),
        "user" if role == "user" else "system" if role == "system" else "assistant",
        created_at=moment(value.get("createdAt")),
        stopped=text(value.get("status")) == "paused",
    )
    for block in items(value.get("blocks")):
        if found := backup.block(block):
            _add_block(message, found, backup)
    if not message.parts:  # backups of before 2025 have no blocks
        add_reasoning(message, text(value.get("reasoning_content")))
        if content := text(value.get("content")):
            message.parts.append(Text(content))
        message.parts += [backup.file(file) for file in mappings(value.get("files"))]
    usage = mapping(value.get("usage"))
    message.input_tokens = count(usage.get("prompt_tokens"))
    message.output_tokens = count(usage.get("completion_tokens"))
    message.total_tokens = count(usage.get("total_tokens"))
    message.elapsed_ms = count(at(value, "metrics", "time_completion_millsec"))
    if message.role == "assistant":
        message.model = text(at(value, "model", "id")) or text(value.get("modelId")) or None
    return message


def _add_block(message: Message, block: Object, backup: Backup) -> None:
    kind, content = text(block.get("type")), block.get("content")
    if kind == "main_text":
        message.parts += [Text(content)] if isinstance(content, str) and content.strip() else []
    elif kind == "thinking":
        add_reasoning(message, text(content))
    elif kind == "code":
        message.parts.append(Text(f"```{text(block.get('language'))}\n{text(content)}\n```"))
    elif kind == "translation":
        message.parts.append(Text(f"> {text(content)}".replace("\n", "\n> ")))
    elif kind in {"image", "file", "video"}:
        url = text(block.get("url"))
        message.parts.append(linked_file(url) if url else backup.file(mapping(block.get("file"))))
    elif kind == "tool":
        raw = at(block, "metadata", "rawMcpToolResponse")
        name = text(block.get("toolName")) or text(at(raw, "tool", "name")) or "tool"
        arguments = block.get("arguments") or at(raw, "arguments")
        answer = content if content is not None else at(raw, "response")
        result = None if answer is None else shown(mapping(answer).get("content") or answer)
        message.parts.append(ToolCall(name, arguments, result, id=identifier(block.get("toolId"))))
    elif kind == "citation":
        _add_sources(message, block)
    elif kind == "error":
        message.error = text(at(block, "error", "message")) or text(content) or "The reply failed."
    elif kind != "unknown":
        message.parts.append(Unsupported(kind or "block", block))


def _add_sources(message: Message, block: Object) -> None:
    results = at(block, "response", "results")
    found = mappings(results) + mappings(at(results, "results")) + mappings(at(results, "groundingChunks"))
    for result in found:
        page = mapping(result.get("web")) or result
        url = text(page.get("url")) or text(page.get("uri"))
        if url.startswith(("https://", "http://")):
            message.sources.append((text(page.get("title")) or url, url))
