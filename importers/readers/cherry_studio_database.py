"""Cherry Studio since version 2: topics and messages in ``cherrystudio.sqlite``, the content as parts of the AI SDK."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from posixpath import basename
from typing import Any

from ..chat_messages import add_reasoning, shown
from ..inline import linked_file
from ..items import empty, last_model
from ..message_collector import MessageCollector
from ..records import ROOT, Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from ..sqlite import Owned, cell, databases, each_row, open_database, rows
from ..times import moment
from ..tree import FileTree
from ..values import amount, at, count, flag, identifier, mapping, mappings, parsed, text

Object = dict[str, Any]

_SILENT = frozenset(
    f"data-{name}" for name in ("clear", "retry", "agent-task-event", "knowledge-scope", "skill-scope")
) | {"step-start", "data-compaction-anchor", "data-conversation-reset", "data-agent-session-fork"}


def topic_databases(tree: FileTree) -> list[str]:
    """Return the paths of the databases in a tree."""
    return databases(
        tree, topic="id name assistant_id active_node_id", message="id topic_id parent_id role data status"
    )


def topics(tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
    """Yield the topics of a database, but those in its trash."""
    paths = {basename(each).partition(".")[0]: each for each in tree.paths if "Files/" in each}
    with open_database(tree, path) as database:
        assistants = {identifier(row.get("id")): row for row in rows(database, "assistant")}
        messages = Owned(database, "message", "topic_id")

        def convert(row: Object) -> Conversation | Skipped | None:
            if row.get("deleted_at"):
                return None
            collector = MessageCollector()
            for each in messages.of(row["id"]):
                if not each.get("deleted_at") and identifier(each["id"]) not in collector:
                    collector.add(_message(each, tree, paths))
            return _conversation(row, collector, assistants.get(identifier(row["assistant_id"]), {}))

        yield from each_row(database, "topic", convert, "id")
        yield from messages.skipped()


def _conversation(row: Object, collector: MessageCollector, assistant: Object) -> Conversation | Skipped:
    native, title, messages = identifier(row["id"]), cell(row["name"]), collector.reparented()
    if not messages:
        return empty(title, native)
    return Conversation(
        native,
        title,
        messages,
        shown=identifier(row["active_node_id"]) or None,
        created_at=moment(row.get("created_at")),
        updated_at=moment(row.get("updated_at")),
        model=_model(assistant.get("model_id")) or last_model(messages),
        system_prompt=cell(row.get("prompt")) or cell(assistant.get("prompt")),
        is_pinned=flag(row.get("is_pinned")),
        project=cell(assistant.get("name")) or text(at(parsed(row.get("assistant_meta")), "name")),
    )


def _message(row: Object, tree: FileTree, paths: dict[str, str]) -> Message:
    role, stats = cell(row["role"]), mapping(parsed(row.get("stats")))
    message = Message(
        identifier(row["id"]),
        "user" if role == "user" else "system" if role == "system" else "assistant",
        parent=identifier(row["parent_id"]) or ROOT,
        created_at=moment(row.get("created_at")),
        input_tokens=count(stats.get("promptTokens")),
        output_tokens=count(stats.get("completionTokens")),
        total_tokens=count(stats.get("totalTokens")),
        cost=amount(stats.get("cost")),
        elapsed_ms=count(stats.get("timeCompletionMs")),
        stopped=row["status"] == "paused",
    )
    if message.role == "assistant":
        message.model = _model(row.get("model_id"))
    data = parsed(row["data"])
    for part in mappings(at(data, "parts")):
        _add_part(message, part, tree, paths)
    if "parts" not in mapping(data) and data:
        message.parts.append(Unsupported("content", data))
    if row["status"] == "error" and not message.error:
        message.error = "The reply failed."
    return message


def _add_part(message: Message, part: Object, tree: FileTree, paths: dict[str, str]) -> None:
    kind, data = text(part.get("type")), mapping(part.get("data"))
    if kind == "text":
        message.parts += [Text(said)] if (said := text(part.get("text"))).strip() else []
    elif kind == "reasoning":
        add_reasoning(message, text(part.get("text")))
    elif kind == "file" or kind == "data-video":
        message.parts.append(_file(part if kind == "file" else data, tree, paths))
    elif kind == "dynamic-tool" or kind.startswith("tool-"):
        failure, output = text(part.get("errorText")), part.get("output")
        name = text(part.get("toolName")) or kind.removeprefix("tool-")
        result = failure or (None if output is None else shown(output))
        call = ToolCall(name, part.get("input"), result, bool(failure), identifier(part.get("toolCallId")))
        message.parts.append(call)
    elif kind == "source-url":
        if (url := text(part.get("url"))).startswith(("https://", "http://")):
            message.sources.append((text(part.get("title")) or url, url))
    elif kind == "data-code":
        message.parts.append(Text(f"```{text(data.get('language'))}\n{text(data.get('content'))}\n```"))
    elif kind == "data-translation":
        message.parts.append(Text("> " + text(data.get("content")).replace("\n", "\n> ")))
    elif kind == "data-error":
        message.error = text(data.get("message")) or text(data.get("name")) or "The reply failed."
    elif kind not in _SILENT:
        message.parts.append(Unsupported(kind or "part", part))


def _file(part: Object, tree: FileTree, paths: dict[str, str]) -> Attachment:
    entry = identifier(at(part, "providerMetadata", "cherry", "fileEntryId"))
    url, media_type = text(part.get("url")), text(part.get("mediaType"))
    stored = entry or basename(url or text(part.get("filePath"))).partition(".")[0]
    name = text(part.get("filename"))
    if path := paths.get(stored):
        return Attachment(name or basename(path), media_type, partial(tree.open, path))
    return linked_file(url, name or ("" if url.startswith("data:") else basename(url)), media_type)


def _model(value: object) -> str | None:
    """Return the model of an id that names its provider, too."""
    return cell(value).rpartition("::")[2] or None
