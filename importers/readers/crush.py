"""crush: sessions of one project in a SQLite file, with those of sub-agents."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from shlex import quote
from typing import Any

from ..documents import document
from ..inline import linked_file
from ..json_stream import LARGEST_ITEM, BrokenJson
from ..places import project_of
from ..reader import Reader
from ..records import Attachment, Conversation, Mark, Message, Skipped, Text, ToolCall, Unsupported
from ..roles import role
from ..sqlite import Owned, cell, databases, each_row, newest, open_database
from ..times import moment
from ..tree import FileTree
from ..values import count, flag, identifier, items, mapping, mappings, parsed, text

_ZSTD = b"\x28\xb5\x2f\xfd"


class Crush(Reader):
    name = "crush"
    label = "crush"

    def detect(self, tree: FileTree) -> list[str]:
        return databases(
            tree,
            sessions="id parent_session_id title cost created_at updated_at",
            messages="id session_id role parts created_at",
        )

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        project = _project(tree, path)
        with open_database(tree, path) as database:
            last = newest(database, "sessions", "updated_at")
            messages = Owned(database, "messages", "session_id")
            since = [mark, count(mark)]
            session = partial(_session, messages, project)
            yield from each_row(database, "sessions", session, "rowid", "? = '' or updated_at >= ?", since)
            yield from messages.skipped()
            yield Mark(str(count(last)))


def _project(tree: FileTree, path: str) -> str:
    """Return the folder of the project: as the list of all projects names it, else where the file stands."""
    is_inside = path.split("/")[-2:-1] == [".crush"] or "/" not in path
    folder = project_of(tree, path, 2 if is_inside else 1)
    for each in tree.paths:
        if each.rpartition("/")[2] == "projects.json":
            with suppress(OSError, BrokenJson):
                for known in mappings(mapping(document(tree, each)).get("projects")):
                    if text(known.get("path")).rstrip("/").rpartition("/")[2] == folder.rpartition("/")[2]:
                        return text(known["path"])
    return folder


def _session(messages: Owned, project: str, row: dict[str, Any]) -> Conversation | None:
    number = identifier(row["id"])
    if number.startswith("title-"):
        return None  # made to find a title
    calls: dict[str, ToolCall] = {}
    said = [_message(each, calls) for each in messages.of(row["id"])]
    kept = [message for message in said if message is not None]
    models = [message.model for message in kept if message.model]
    spent = {name: row.get(name) for name in ("prompt_tokens", "completion_tokens", "cost")}
    metadata: dict[str, Any] = {
        name: value for name, value in spent.items() if value and isinstance(value, int | float)
    }
    todos = parsed(cell(row.get("todos")))
    return Conversation(
        id=number,
        title=cell(row["title"]),
        messages=kept,
        created_at=moment(row["created_at"]),
        updated_at=moment(row.get("updated_at")),
        model=models[-1] if models else None,
        project=project,
        parent_id=cell(row["parent_session_id"]),
        resume=f"crush --session {quote(number)}" if number and row["parent_session_id"] is None else "",
        metadata=metadata | ({"todos": todos} if items(todos) else {}),
    )


def _message(row: dict[str, Any], calls: dict[str, ToolCall]) -> Message | None:
    """Return a message; None where it only has results of tools, which their calls get."""
    message = Message(identifier(row["id"]), role(cell(row["role"])) or "assistant")
    message.created_at, finished = moment(row["created_at"]), moment(row.get("finished_at"))
    if message.role == "assistant" and row["role"] == "assistant":
        message.model = cell(row.get("model")) or None
        if message.created_at and finished and finished > message.created_at:
            message.elapsed_ms = round((finished - message.created_at).total_seconds() * 1000)
    if provider := cell(row.get("provider")):
        message.metadata["provider"] = provider
    if row.get("is_summary_message") == 1:
        message.metadata["is_summary"] = True
    parts = _parts(row["parts"])
    for part in parts if isinstance(parts, list) else [parts]:
        _add(message, part, calls)
    is_result = cell(row["role"]) == "tool"
    return message if message.parts or message.error or message.reasoning or not is_result else None


def _parts(stored: object) -> Any:
    """Return the parts of a row, which newer versions compress."""
    if isinstance(stored, bytes) and stored.startswith(_ZSTD):
        try:
            import zstandard

            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(BytesIO(stored)) as reader:
                stored = reader.read(LARGEST_ITEM)
        except ImportError:
            return {"type": "compressed", "data": {"needs": "zstandard"}}
        except zstandard.ZstdError:
            return {"type": "damaged", "data": {}}
    content = cell(stored)
    try:
        return json.loads(content, strict=False) if content else []
    except (ValueError, RecursionError):
        return {"type": "damaged", "data": {"text": content[:1000]}}


def _add(message: Message, part: Any, calls: dict[str, ToolCall]) -> None:
    kind, data = text(mapping(part).get("type")), mapping(mapping(part).get("data"))
    match kind:
        case "text":
            message.parts += [Text(said)] if (said := text(data.get("text"))) else []
        case "reasoning":
            message.reasoning = "\n\n".join(filter(None, [message.reasoning, text(data.get("thinking")).strip()]))
        case "tool_call":
            call = ToolCall(text(data.get("name")) or "tool", parsed(data.get("input")), id=identifier(data.get("id")))
            message.parts.append(call)
            calls[call.id] = call
        case "tool_result":
            _result(message, data, calls)
        case "image_url":
            message.parts.append(linked_file(text(data.get("url"))))
        case "binary":
            message.parts.append(_binary(data))
        case "finish":
            _finish(message, data)
        case "shell_command":
            output = text(data.get("output")) or text(data.get("stdout"))
            message.parts.append(ToolCall("shell", text(data.get("command")) or data, output))
        case _:
            message.parts.append(Unsupported(kind or "part", part))


def _result(message: Message, data: dict[str, Any], calls: dict[str, ToolCall]) -> None:
    number = identifier(data.get("tool_call_id"))
    call = calls.get(number)
    if call is None or call.result is not None:
        call = ToolCall(text(data.get("name")) or "tool", id=number)
        message.parts.append(call)
    call.result, call.is_error = text(data.get("content")), flag(data.get("is_error"))
    if (content := text(data.get("data"))) and (media := text(data.get("mime_type"))):
        message.parts.append(linked_file(f"data:{media};base64,{content}"))


def _binary(data: dict[str, Any]) -> Attachment:
    """Return a file; Go writes its fields with capitals, and its bytes in base64."""
    found = {key.lower().replace("_", ""): value for key, value in data.items()}
    media = text(found.get("mimetype"))
    name = text(found.get("path")).replace("\\", "/").rpartition("/")[2]
    content = text(found.get("data"))
    with suppress(ValueError):
        return Attachment(name or "file", media, partial(BytesIO, base64.b64decode(content, validate=True)))
    return Attachment(name or "file", media)


def _finish(message: Message, data: dict[str, Any]) -> None:
    reason = text(data.get("reason"))
    message.stopped = reason == "canceled"
    if reason in {"error", "permission_denied"}:
        message.error = ": ".join(filter(None, (text(data.get(name)) for name in ("message", "details")))) or reason
    elif reason and reason not in {"end_turn", "tool_use", "canceled"}:
        message.metadata["finish"] = reason
