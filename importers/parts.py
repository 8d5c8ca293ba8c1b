"""Parts of a message as a row holds them: one text, and metadata for what is no text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sterna.storage.imports.records import IncomingFile
from sterna.storage.text import one_line, storable

from .records import Attachment, Message, Text, ToolCall, Unsupported

IN_ROW = 8_000
"""Characters of a tool's result that stand in a row; the whole text is then an attachment."""
IN_ROW_OF_ALL = 120_000
"""Characters of all tool calls of one message that stand in a row."""
BRIEF = 400
RAW = 20_000
"""Characters of content of an unknown kind."""
HIDDEN = 100_000
"""Characters of hidden context before one message."""
RESULTS = "tool-results.txt"
SEPARATOR = "\n\n"


@dataclass(slots=True)
class Parts:
    """Content of one message."""

    content: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    files: list[IncomingFile] = field(default_factory=list)


def joined(message: Message) -> Parts:
    """Return the parts of a message as text, metadata and files."""
    parts = message.parts
    if len(parts) == 1 and isinstance(parts[0], Text):
        return Parts(storable(parts[0].text))
    result = Parts()
    texts: list[str] = []
    length = 0
    calls: list[tuple[ToolCall, int]] = []
    for part in parts:
        text = ""
        if isinstance(part, Text):
            text = storable(part.text)
        elif isinstance(part, ToolCall):
            calls.append((part, length))
        elif isinstance(part, Attachment):
            text = _attachment(part, result)
        elif isinstance(part, Unsupported):
            kind = one_line(part.kind, 60) or "content"
            result.metadata.setdefault("unsupported", []).append({"kind": kind, "raw": bounded(part.raw, RAW)})
            text = f"[unsupported: {kind}]"
        if text:
            length += len(text) + (len(SEPARATOR) if texts else 0)
            texts.append(text)
    result.content = SEPARATOR.join(texts)
    if calls:
        _add_calls(calls, result)
    return result


def hidden_context(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages that their program did not show, as metadata of the visible one."""
    rest = HIDDEN
    result = []
    for message in messages:
        text = joined(message).content
        entry: dict[str, Any] = {"role": message.role, "content": text[:rest]}
        if len(text) > rest:
            entry["cut"] = len(text)
        rest -= len(entry["content"])
        result.append(entry)
    return result


def bounded(value: Any, limit: int) -> Any:
    """Return a JSON value that can be stored, as text cut to ``limit`` characters where it is too large or no JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        try:
            text = json.dumps(value, default=str)
        except (TypeError, ValueError, RecursionError):
            text = f"({type(value).__name__})"
        return storable(text[:limit])
    return value if len(text) <= limit else storable(text[:limit]) + "…"


def _attachment(part: Attachment, result: Parts) -> str:
    """Add a file; returns the text that stands for it where the source does not have it."""
    name = one_line(part.name, 255) or "file"
    if part.open is None:
        result.metadata.setdefault("missing_files", []).append(name)
        return f"[not in the export: {name}]"
    result.files.append(IncomingFile(name, part.media_type[:100], part.open))
    return ""


def _add_calls(calls: list[tuple[ToolCall, int]], result: Parts) -> None:
    rest = IN_ROW_OF_ALL
    long: list[str] = []
    entries = []
    for call, at in calls:
        limit = IN_ROW if rest > 0 else BRIEF
        output = None if call.result is None else storable(call.result)
        entry: dict[str, Any] = {
            "id": storable(call.id)[:255],
            "name": one_line(call.name, 200) or "tool",
            "arguments": bounded(call.arguments, limit),
            "result": output,
            "is_error": bool(call.is_error),
            "at": at,
        }
        if output is not None and len(output) > limit:
            entry["result"], entry["cut"] = output[:limit], len(output)
            long.append(f"{entry['name']} {entry['id']}".rstrip() + f"\n\n{output}\n")
        rest -= len(entry["result"] or "") + min(limit, len(str(entry["arguments"])))
        entries.append(entry)
    result.metadata["tool_calls"] = entries
    if long:
        text = "\n".join(long).encode("utf-8", "replace")
        result.files.append(IncomingFile(RESULTS, "text/plain", partial(io.BytesIO, text), size=len(text)))
