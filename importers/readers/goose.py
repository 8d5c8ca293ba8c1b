"""goose: sessions in SQLite, and files of JSON lines before October 2025."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from shlex import quote
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning
from ..json_stream import BrokenJson, json_lines
from ..reader import Reader
from ..records import Conversation, Mark, Message, Skipped
from ..sqlite import Owned, cell, databases, each_row, newest, open_database, rows
from ..times import moment
from ..tree import FileTree
from ..values import at, chosen, count, flag, identifier, items, mapping, parsed, text

_PLUMBING = {"toolConfirmationRequest", "actionRequired", "redactedThinking", "reasoningSignature"}
_NOTICES = {"systemNotification", "contextLengthExceeded", "summarizationRequested"}


_CHANGED = "datetime(updated_at)"


class Goose(Reader):
    name = "goose"
    label = "goose"

    def detect(self, tree: FileTree) -> list[str]:
        return _databases(tree) + [
            path for path in tree.paths if _is_header(mapping(beginning(tree.head(path), "working_dir")))
        ]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if _is_file(tree, path):
            if not _was_taken_over(tree, path):
                yield from _file(tree, path)
            return
        with open_database(tree, path) as database:
            last = newest(database, "sessions", _CHANGED)
            messages = Owned(database, "messages", "session_id")
            changed = f"{_CHANGED} >= ? or ? = ''"
            yield from each_row(database, "sessions", partial(_session, messages), "rowid", changed, [mark, mark])
            yield from messages.skipped()
            yield Mark(cell(last))


def _databases(tree: FileTree) -> list[str]:
    return databases(tree, sessions="id working_dir updated_at", messages="session_id role content_json")


def _is_file(tree: FileTree, path: str) -> bool:
    return _is_header(mapping(beginning(tree.head(path), "working_dir")))


def _was_taken_over(tree: FileTree, path: str) -> bool:
    """Return whether the session of a file is in a database, too: goose put them there, and left the files."""
    for each in _databases(tree):
        with open_database(tree, each) as database:
            if rows(database, "sessions", "id = ?", [_name(path)]):
                return True
    return False


def _name(path: str) -> str:
    return path.rpartition("/")[2].rsplit(".", 1)[0]


def _is_header(data: dict[str, Any]) -> bool:
    return isinstance(data.get("working_dir"), str) and "message_count" in data and "role" not in data


def _session(messages: Owned, row: dict[str, Any]) -> Conversation:
    chat = ChatMessages()
    model = text(mapping(parsed(cell(row.get("model_config_json")))).get("model_name")) or None
    for each in messages.of(row["id"]):
        content = cell(each["content_json"])
        time = moment(each.get("created_timestamp")) or moment(each.get("timestamp"))
        number = cell(each.get("message_id")) or _named(each, content)
        shown = mapping(parsed(cell(each.get("metadata_json"))))
        message = _add(chat, {"id": number, "role": cell(each["role"]), "content": parsed(content)}, shown)
        if message is not None:
            message.created_at = time
            message.total_tokens = count(each.get("tokens"))
            message.model = model if message.role == "assistant" else None
    number, kind = identifier(row["id"]), cell(row.get("session_type"))
    totals = ("accumulated_input_tokens", "accumulated_output_tokens", "accumulated_total_tokens", "accumulated_cost")
    metadata: dict[str, Any] = {name: cell(row.get(name)) for name in ("provider_name", "goose_mode", "schedule_id")}
    metadata |= {name: row[name] for name in totals if isinstance(row.get(name), int | float)}
    metadata |= {"session_type": "" if kind == "user" else kind}
    return Conversation(
        id=f"{number} {cell(row.get('created_at'))}".strip(),  # days begin at 1 on every machine
        title=cell(row.get("name")) or cell(row.get("description")),
        messages=chat.messages,
        created_at=moment(row.get("created_at")),
        updated_at=moment(row.get("updated_at")),
        model=model,
        system_prompt=chat.system_prompt,
        is_archived=row.get("archived_at") is not None or kind == "hidden",
        project=cell(row["working_dir"]),
        resume=f"goose session --resume --session-id {quote(number)}" if number else "",
        metadata=chosen(metadata, *metadata),
    )


def _file(tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
    """Yield the session of a file; its name is its id."""
    number = _name(path)
    conversation = Conversation(number, resume=f"goose session --resume --name {quote(number)}")
    chat = ChatMessages()
    with tree.open(path) as file:
        for line, value in json_lines(file):
            if isinstance(value, BrokenJson):
                yield Skipped(str(value), where=f"{path}:{line}")
            elif _is_header(mapping(value)):
                conversation.title, conversation.project = text(value.get("description")), value["working_dir"]
            elif isinstance(value, dict):
                message = _add(chat, value, mapping(value.get("metadata")))
                if message is not None:
                    message.created_at = moment(value.get("created"))
    conversation.messages, conversation.system_prompt = chat.messages, chat.system_prompt
    times = [message.created_at for message in chat.messages if message.created_at]
    conversation.created_at, conversation.updated_at = min(times, default=None), max(times, default=None)
    yield conversation


def _add(chat: ChatMessages, value: dict[str, Any], shown: dict[str, Any]) -> Message | None:
    content = value.get("content")
    blocks = [_block(each) for each in content] if isinstance(content, list) else content
    message = chat.add({"id": value.get("id"), "role": value.get("role"), "content": blocks})
    if message is None:
        return None
    message.hidden = shown.get("userVisible") is False
    message.error = "\n".join(text(mapping(each).get("message")) for each in items(content) if _kind(each) == "error")
    message.parts = [part for part in message.parts if getattr(part, "kind", "") != "error"]
    return message


def _kind(value: Any) -> str:
    return text(mapping(value).get("type"))


def _block(value: Any) -> Any:
    """Return a block of content in the form that other programs use."""
    data, kind = mapping(value), _kind(value)
    if kind in {"toolRequest", "frontendToolRequest"}:
        call = mapping(at(data, "toolCall", "value"))
        return {"type": "tool_use", "id": data.get("id"), "name": call.get("name"), "input": call.get("arguments")}
    if kind == "toolResponse":
        result = mapping(data.get("toolResult"))
        output = result.get("value") if "value" in result else result.get("error")
        is_error = text(result.get("status")) == "error" or flag(mapping(output).get("isError"))
        output = mapping(output).get("content", output)
        return {"type": "tool_result", "tool_use_id": data.get("id"), "content": output, "is_error": is_error}
    if kind in _NOTICES:
        return {"type": "text", "text": data.get("msg")}
    return {"type": "redacted_thinking"} if kind in _PLUMBING else value


def _named(row: dict[str, Any], content: str) -> str:
    """Return an id for a message without one; numbers of rows change."""
    said = f"{cell(row['role'])}\0{cell(row.get('created_timestamp'))}\0{content}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:20]
