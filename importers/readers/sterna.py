"""Sterna's own exports: all data, conversations one a line, documents, and its file, with the attached files."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableSequence
from functools import partial
from typing import Any

from sterna.storage.attachments.files import FOLDER_SUFFIX, safe_name
from sterna.storage.conversations.message_tree import MessageTree

from ..json_stream import BrokenJson, LargeParts, json_array, json_lines
from ..reader import Reader
from ..records import Attachment, Conversation, Message, Part, Skipped, Text
from ..spilled import SpilledList
from ..sqlite import SQLITE_HEAD
from ..times import moment
from ..tree import FileTree
from ..values import count, each_mapping, mapping, mappings, text
from .sterna_documents import BEGINNING, documents
from .sterna_history import conversations, histories

_WHOLE = re.compile(rb'\A\s*\{"(?:local":\s*\{\s*")?export_date":')
_LINE = re.compile(rb'\A\s*\{"id":\s*"[^"]*",\s*"name":\s*"[^"]*",\s*"title":')
_MESSAGES_APART = LargeParts(frozenset({"messages"}))
_DETAILS = (
    "finish_reason",
    "left_out",
    "without",
    "citations",
    "cost",
    "cost_source",
    "cached_tokens",
    "reasoning_tokens",
    "tool_calls",
    "tool_problems",
)
FOLDER = "attachments"


class Sterna(Reader):
    """Reader of `sterna export` and `sterna show --json`, and of files of histories."""

    name = "sterna"
    label = "Sterna"

    def detect(self, tree: FileTree) -> list[str]:
        exports = [path for path in tree.paths if _form(tree.head(path)) not in ("", "history")]
        return [*exports, *histories(tree)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        match _form(tree.head(path)):
            case "document":
                yield from documents(tree, path)
            case "line":
                with tree.open(path) as file:
                    for number, value in json_lines(file, _MESSAGES_APART):
                        where = f"{path}, line {number}"
                        if isinstance(value, BrokenJson):
                            yield Skipped(str(value), where=where)
                        else:
                            yield _Export(tree, path).printed(mapping(value), where)
            case "history":
                stem = path.rpartition("/")[2].rpartition(".")[0]
                yield from conversations(tree, path, _Export(tree, path, f"{stem}{FOLDER_SUFFIX}").stored)
            case _:
                inside = "local" if tree.head(path).lstrip().startswith(b'{"local"') else ""
                with tree.open(path) as file:
                    values = json_array(file, "conversations", inside=inside, parts=_MESSAGES_APART)
                    for number, value in enumerate(values, start=1):
                        yield _Export(tree, path).stored(mapping(value), f"{path}, conversation {number}")


def _form(head: bytes) -> str:
    if head.startswith(SQLITE_HEAD):
        return "history"
    if _WHOLE.match(head):
        return "whole"
    if _LINE.match(head):
        return "line"
    return "document" if BEGINNING.match(head.decode("utf-8", "replace")) else ""


class _Export:
    """Conversations of one export, whose files stand beside it."""

    def __init__(self, tree: FileTree, path: str, beside: str = "") -> None:
        """Take the export at ``path``; ``beside`` is the folder of a history, whose files are named by their ids."""
        self._tree = tree
        self._folder = path.rpartition("/")[0]
        self._beside = beside

    def stored(self, value: dict[str, Any], where: str) -> Conversation | Skipped:
        """Return a conversation of the export of all data, which has the rows of the database."""
        session = mapping(value.get("session"))
        rows = value.get("messages")
        conversation_id = text(session.get("id"))
        if not conversation_id:
            return Skipped("The conversation has no id.", where=where)
        parents = _parents(rows, "message_timestamp")
        messages = (
            self._message(row, mapping(row.get("metadata")), parents, "message_timestamp") for row in _rows(rows)
        )
        return Conversation(
            conversation_id,
            text(session.get("title")),
            _like(rows, messages),
            created_at=moment(session.get("created_at")),
            updated_at=moment(session.get("updated_at")),
            metadata={"session": session, "settings": mapping(value.get("settings"))},
        )

    def printed(self, value: dict[str, Any], where: str) -> Conversation | Skipped:
        """Return a conversation as `sterna show --json` prints it."""
        conversation_id = text(value.get("id"))
        if not conversation_id:
            return Skipped("The conversation has no id.", where=where)
        rows = value.get("messages")
        parents = _parents(rows, "at")
        messages = (self._printed_message(row, parents) for row in _rows(rows))
        return Conversation(
            conversation_id,
            text(value.get("title")),
            _like(rows, messages),
            created_at=moment(value.get("created_at")),
            updated_at=moment(value.get("updated_at")),
            metadata={"session": value, "settings": mapping(value.get("settings"))},
        )

    def _printed_message(self, row: dict[str, Any], parents: dict[str, str]) -> Message:
        details = mapping(row.get("metadata")) | {name: row[name] for name in _DETAILS if name in row}
        if isinstance(attached := row.get("attachments"), list):
            details["attachments"] = attached
            row |= {"has_attachments": 1, "attachment_count": min(len(attached), 3)}
        if text(row.get("finish")) not in ("", "done"):
            details["finish"] = row["finish"]
        row |= {"error_message": row.get("error"), "message_timestamp": row.get("at")}
        row["content_type"] = "text" if row.get("role") == "user" else "markdown"
        return self._message(row, details, parents, "at")

    def _message(self, row: dict[str, Any], metadata: dict[str, Any], parents: dict[str, str], time: str) -> Message:
        role = text(row.get("role"))
        parts: list[Part] = [Text(text(row.get("content")))]
        parts += self._files(metadata)
        return Message(
            text(row.get("id")),
            role if role in ("user", "assistant") else "system",  # type: ignore[arg-type]
            parts,
            parents.get(text(row.get("id")), ""),
            moment(row.get(time)),
            text(row.get("model")) or None,
            text(row.get("reasoning")),
            count(row.get("input_tokens")),
            count(row.get("output_tokens")),
            count(row.get("total_tokens")),
            elapsed_ms=count(row.get("elapsed_ms")),
            error=text(row.get("error_message")),
            metadata={"columns": row, "metadata": metadata},
        )

    def _files(self, metadata: dict[str, Any]) -> Iterator[Attachment]:
        """Yield the attached files that the export contains; the others stay named in the metadata."""
        for item in mappings(metadata.get("attachments")):
            name = text(item.get("name"))
            identity = text(item.get("id"))
            path = f"{FOLDER}/{identity[:8]}-{safe_name(name)}" if not self._beside else f"{self._beside}/{identity}"
            path = f"{self._folder}/{path}" if self._folder else path
            if self._tree.size(path):
                yield Attachment(name, text(item.get("type")), partial(self._tree.open, path))


def _rows(values: object) -> Iterator[dict[str, Any]]:
    return (row for row in each_mapping(values) if text(row.get("id")))


def _like(values: object, messages: Iterator[Message]) -> MutableSequence[Message]:
    """Return messages as a list, in a file if what they are made of lies in one."""
    return SpilledList(messages) if isinstance(values, SpilledList) else list(messages)


def _parents(values: object, time: str) -> dict[str, str]:
    """Return the parent of each message; empty for none. A row without one follows the one before it in time."""
    rows = ((text(row.get(time)), text(row.get("id")), row.get("parent_id")) for row in _rows(values))
    ordered = sorted(rows, key=lambda row: row[:2])
    return MessageTree.of_rows((name, named if isinstance(named, str) else None) for _, name, named in ordered).parents
