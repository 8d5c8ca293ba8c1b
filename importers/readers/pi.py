"""pi, and programs that share its format: ``~/.pi/agent/sessions/--<folder>--/<time>_<id>.jsonl``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from ..growing import Start, follow
from ..inline import linked_file
from ..lines import Record, first_records
from ..reader import Reader
from ..records import ROOT, Conversation, Mark, Message, Part, Skipped, Text, ToolCall, Unsupported
from ..thread import RECENT, orphan, spoken
from ..times import moment
from ..tree import FileTree
from ..values import amount, at, count, identifier, items, mapping, mappings, text

_PLACED = {"model_change", "thinking_level_change", "label", "session_info", "custom", "branch_summary", "compaction"}


class Pi(Reader):
    """Reader of sessions; the branch of the newest entry is shown."""

    name: ClassVar[str] = "pi"
    label: ClassVar[str] = "pi"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_session(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        return follow(tree, path, mark, _Session, _Session.conversations)


def _is_session(tree: FileTree, path: str) -> bool:
    first = first_records(tree, path, 1)
    return bool(first) and first[0].get("type") == "session" and {"id", "timestamp", "cwd"} <= first[0].keys()


class _Session:
    def __init__(self, start: Start) -> None:
        self.thread = start.thread()
        self._header = mapping(start.memory.get("header"))
        self._title = ""
        self._model: str | None = text(start.memory.get("model")) or None
        self._times: list[datetime] = []
        self._names = mapping(start.memory.get("names"))

    def memory(self) -> dict[str, Any] | None:
        """Return what a rest of the log needs to know."""
        names = dict(islice(reversed(self._names.items()), RECENT))
        return {"header": self._header, "model": self._model, "names": names}

    def take(self, number: int, record: Record) -> None:
        kind = text(record.get("type"))
        if kind == "session":
            self._header = self._header or record
            return
        line = self._name(text(record.get("id")) or f"line {number}", record)
        named = record.get("parentId")
        parent = ROOT if named is None and "parentId" in record else self._names.get(text(named), text(named)) or None
        when = moment(at(record, "message", "timestamp")) or moment(record.get("timestamp"))
        if when is not None:
            self._times.append(when)
        if kind == "message":
            self._take_message(line, parent, mapping(record.get("message")), when)
        elif kind == "custom_message":
            hidden = record.get("display") is not True
            parts = _parts(record.get("content"))
            self.thread.add(Message(line, "user", parts, created_at=when, hidden=hidden), parent)
        elif kind in ("compaction", "branch_summary") and text(record.get("summary")):
            self.thread.add(spoken(line, "user", text(record["summary"]), created_at=when, hidden=True), parent)
        elif kind in _PLACED:
            if kind == "session_info":
                self._title = text(record.get("name")) or self._title
            elif kind == "model_change":
                self._model = text(record.get("modelId")) or self._model
            self.thread.place(line, parent)
        elif kind:
            self.thread.add(Message(line, "assistant", [Unsupported(kind, record)], created_at=when), parent)

    def conversations(self) -> Iterator[Conversation]:
        """Yield the session, if it has messages."""
        messages, shown = self.thread.finish()
        if not messages:
            return
        key = text(self._header.get("id"))
        origin = text(self._header.get("parentSession"))
        yield Conversation(
            key,
            self._title,
            messages,
            shown,
            moment(self._header.get("timestamp")) or (self._times[0] if self._times else None),
            max(self._times) if self._times else None,
            self._model,
            project=text(self._header.get("cwd")),
            parent_id=origin.replace("\\", "/").rpartition("/")[2].removesuffix(".jsonl").rpartition("_")[2],
            resume=f"pi --session {key}" if key.replace("-", "").isalnum() else "",
        )

    def _name(self, line: str, record: Record) -> str:
        """Return what a message is known by: its time, because its id changes when pi rewrites an old file."""
        time = count(at(record, "message", "timestamp"))
        name = f"{text(at(record, 'message', 'role'))} {time}"
        if not time or name in self.thread:
            name = line
        self._names[line] = name
        return name

    def _take_message(self, line: str, parent: str | None, data: Record, when: datetime | None) -> None:
        role = text(data.get("role"))
        if role == "toolResult":
            call, name = identifier(data.get("toolCallId")), text(data.get("toolName"))
            result = _text(data.get("content"))
            is_error = data.get("isError") is True
            if self.thread.result(call, result, is_error=is_error):
                self.thread.place(line, parent)
            else:
                self.thread.add(orphan(line, call, name, result, is_error=is_error), parent)
        elif role == "bashExecution":
            shell = ToolCall(
                "bash", text(data.get("command")), text(data.get("output")), bool(data.get("exitCode")), line
            )
            self.thread.add(Message(line, "user", [shell], created_at=when), parent)
        elif role == "assistant":
            self.thread.add(_reply(line, data, when), parent)
            self._model = text(data.get("model")) or self._model
        elif role in ("user", "custom"):
            hidden = role == "custom" and data.get("display") is not True
            message = Message(line, "user", _parts(data.get("content")), created_at=when, hidden=hidden)
            self.thread.add(message, parent)
        else:
            self.thread.add(Message(line, "assistant", [Unsupported(role or "message", data)]), parent)


def _reply(line: str, data: Record, when: datetime | None) -> Message:
    usage = mapping(data.get("usage"))
    thoughts = [
        text(block.get("thinking")) for block in mappings(data.get("content")) if block.get("type") == "thinking"
    ]
    return Message(
        line,
        "assistant",
        _parts(data.get("content")),
        created_at=when,
        model=text(data.get("model")) or None,
        reasoning="\n\n".join(thought for thought in thoughts if thought),
        input_tokens=sum(count(usage.get(name)) for name in ("input", "cacheRead", "cacheWrite")),
        output_tokens=count(usage.get("output")),
        cost=amount(at(usage, "cost", "total")),
        error=text(data.get("errorMessage")) if data.get("stopReason") == "error" else "",
        stopped=data.get("stopReason") == "aborted",
        metadata={"provider": data["provider"]} if text(data.get("provider")) else {},
    )


def _parts(content: Any) -> list[Part]:
    parts: list[Part] = [Text(content)] if isinstance(content, str) else []
    for block in items(content):
        kind = text(at(block, "type"))
        if kind == "text":
            parts.append(Text(text(block.get("text"))))
        elif kind == "toolCall":
            parts.append(
                ToolCall(text(block.get("name")) or "tool", block.get("arguments"), id=identifier(block.get("id")))
            )
        elif kind == "image":
            media_type = text(block.get("mimeType"))
            parts.append(linked_file(f"data:{media_type};base64,{text(block.get('data'))}"))
        elif kind != "thinking":
            parts.append(Unsupported(kind or "block", block))
    return parts


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(text(block.get("text")) for block in mappings(content) if block.get("type") == "text")
