"""Chats of Cursor in ``state.vscdb``: a table of keys and JSON values, which may have gigabytes."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from ..records import Conversation, Message, Part, Text, ToolCall
from ..sqlite import rows
from ..times import moment
from ..values import at, count, identifier, items, mapping, mappings, parsed, text

if TYPE_CHECKING:
    from sqlite_utils import Database

_ASSISTANT = 2


class Composers:
    """The chats of one database, read one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._headers = _headers(database)

    def ids(self) -> list[str]:
        """Return the ids of the chats that have content."""
        sql = "select key from cursorDiskKV where key >= ? and key < ? and value is not null"
        found = list(self._database.query(sql, ["composerData:", "composerData;"]))
        ids = [text(row["key"]).partition(":")[2] for row in found]
        return [key for key in ids if key and not key.startswith("task-")]

    def newest_row(self) -> int:
        """Return the number of the newest row: what is written again gets a new one. 0 where rows have none."""
        try:
            found = list(self._database.query("select max(rowid) as newest from cursorDiskKV"))
        except sqlite3.Error:
            return 0
        return count(found[0]["newest"]) if found else 0

    def ids_since(self, row: int) -> list[str]:
        """Return the ids of the chats of which something was written since that row."""
        found = list(self._database.query("select key from cursorDiskKV where rowid >= ?", [row]))
        parts = (text(one["key"]).split(":") for one in found)
        changed = {part[1] for part in parts if len(part) > 1 and part[0] in ("composerData", "bubbleId")}
        return [key for key in sorted(changed) if not key.startswith("task-")]

    def conversation(self, key: str) -> Conversation | None:
        """Return a chat; None for one without messages."""
        data = mapping(parsed(_value(self._database, f"composerData:{key}")))
        prefix = f"bubbleId:{key}:"
        found = rows(self._database, "cursorDiskKV", "key >= ? and key < ?", [prefix, prefix[:-1] + ";"])
        bubbles = {text(row["key"])[len(prefix) :]: mapping(parsed(_text_of(row["value"]))) for row in found}
        order = mappings(data.get("fullConversationHeadersOnly"))
        listed = [bubbles.get(text(one.get("bubbleId")), {}) | one for one in order]
        messages = [_message(one) for one in listed or mappings(data.get("conversation"))]
        messages = [message for message in messages if message.parts or message.reasoning or message.error]
        if not messages:
            return None
        header = self._headers.get(key, {})
        models = [message.model for message in messages if message.model]
        return Conversation(
            key,
            text(data.get("name")) or text(header.get("name")),
            messages,
            messages[-1].id or None,
            moment(data.get("createdAt")),
            moment(data.get("lastUpdatedAt")),
            models[-1] if models else text(at(data, "modelConfig", "modelName")) or None,
            is_archived=data.get("isArchived") is True or header.get("isArchived") is True,
            project=_project(header) or _project(data),
            parent_id=text(at(data, "subagentInfo", "parentComposerId")),
        )


def _headers(database: Database) -> dict[str, dict[str, Any]]:
    """Return titles and folders by chat, from where the version of the program keeps them."""
    found: dict[str, dict[str, Any]] = {}
    if database["ItemTable"].exists():
        for row in rows(database, "ItemTable", "key = ?", ["composer.composerHeaders"]):
            for one in mappings(mapping(parsed(_text_of(row.get("value")))).get("allComposers")):
                found[text(one.get("composerId"))] = one
    if database["composerHeaders"].exists():
        for row in rows(database, "composerHeaders"):
            found[text(row.get("composerId"))] = mapping(parsed(_text_of(row.get("value"))))
    return found


def _project(data: dict[str, Any]) -> str:
    uri = mapping(at(data, "workspaceIdentifier", "uri"))
    return text(uri.get("fsPath")) or text(uri.get("path"))


def _value(database: Database, key: str) -> str:
    found = rows(database, "cursorDiskKV", "key = ?", [key])
    return _text_of(found[0]["value"]) if found else ""


def _text_of(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else text(value)


def _message(bubble: dict[str, Any]) -> Message:
    is_reply = bubble.get("type") == _ASSISTANT
    said = text(bubble.get("text")) or _rich_text(parsed(bubble.get("richText")))
    parts: list[Part] = [Text(said)] if said else []
    tool = mapping(bubble.get("toolFormerData"))
    if tool:
        arguments = parsed(tool.get("rawArgs")) or parsed(tool.get("params"))
        result = tool.get("result")
        shown = result if isinstance(result, str) else None
        is_error = tool.get("status") == "error"
        parts.append(
            ToolCall(text(tool.get("name")) or "tool", arguments, shown, is_error, identifier(tool.get("toolCallId")))
        )
    thoughts = [text(at(bubble, "thinking", "text")) or text(bubble.get("thinking"))]
    thoughts += [text(block.get("thinking")) for block in mappings(bubble.get("allThinkingBlocks"))]
    return Message(
        text(bubble.get("bubbleId")),
        "assistant" if is_reply else "user",
        parts,
        created_at=moment(bubble.get("createdAt")) or moment(at(bubble, "timingInfo", "clientStartTime")),
        model=text(at(bubble, "modelInfo", "modelName")) or None if is_reply else None,
        reasoning=next((thought for thought in thoughts if thought), ""),
        input_tokens=count(at(bubble, "tokenCount", "inputTokens")),
        output_tokens=count(at(bubble, "tokenCount", "outputTokens")),
        error=text(at(bubble, "errorDetails", "message")),
    )


def _rich_text(document: Any) -> str:
    """Return the text of a document of the editor Lexical: paragraphs of texts, nested a little."""
    lines: list[str] = []
    for block in items(at(document, "root", "children")):
        waiting, words = [block], []
        while waiting:
            node = waiting.pop()
            if text(at(node, "type")) == "linebreak":
                words.append("\n")
            words.append(text(at(node, "text")))
            waiting.extend(reversed(items(at(node, "children"))))
        lines.append("".join(words))
    return "\n".join(lines)
