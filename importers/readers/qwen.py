"""Qwen Code: ``~/.qwen/projects/<folder>/chats/<session>.jsonl``, with the logs of sub-agents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, ClassVar

from ..growing import Start, follow
from ..lines import Record, first_records
from ..reader import Reader
from ..records import Conversation, Mark, Message, Skipped
from ..thread import orphan
from ..times import moment
from ..tree import FileTree
from ..values import at, chosen, count, mapping, mappings, text
from .google_parts import calls_of, result_of, spoken_parts, thoughts_of

_TYPED = {"", "mid_turn_user_message"}


class Qwen(Reader):
    """Reader of sessions; the branch of the newest message is shown."""

    name: ClassVar[str] = "qwen"
    label: ClassVar[str] = "Qwen Code"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_session(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        def end(session: _Session) -> Iterator[Conversation]:
            conversation = session.conversation(PurePosixPath(path).stem)
            if conversation.messages:
                _place(conversation, path)
                yield conversation

        return follow(tree, path, mark, _Session, end)


def _place(conversation: Conversation, path: str) -> None:
    """Add what the path of a sub-agent tells."""
    parts = PurePosixPath(path).parts
    if "subagents" in parts[:-1]:
        parent = parts[parts.index("subagents") + 1] if parts.index("subagents") + 2 < len(parts) else ""
        conversation.parent_id = parent or conversation.id
        conversation.id = f"{conversation.parent_id}/{PurePosixPath(path).stem}"
        conversation.resume = ""


def _is_session(tree: FileTree, path: str) -> bool:
    return any(
        {"uuid", "parentUuid", "sessionId"} <= record.keys()
        and (isinstance(at(record, "message", "parts"), list) or "systemPayload" in record)
        for record in first_records(tree, path, 5)
    )


class _Session:
    def __init__(self, start: Start) -> None:
        self.thread = start.thread()
        self._first = mapping(start.memory.get("first"))
        self._title = ""
        self._times: list[datetime] = []

    def memory(self) -> dict[str, Any] | None:
        """Return what a rest of the log needs to know."""
        return {"first": chosen(self._first, "sessionId", "cwd")}

    def take(self, number: int, record: Record) -> None:
        line, parent = text(record.get("uuid")), text(record.get("parentUuid")) or None
        kind, when = text(record.get("type")), moment(record.get("timestamp"))
        self._first = self._first or record
        if not line or (line in self.thread and kind != "system"):
            return
        if kind == "system":
            if record.get("subtype") == "custom_title":
                self._title = text(at(record, "systemPayload", "customTitle")) or self._title
            return
        if when is not None:
            self._times.append(when)
        data = mapping(record.get("message"))
        is_first = parent is None and not self.thread.messages and not self.thread.is_rest
        parent = "" if is_first or (parent is None and kind == "user") else parent
        parts = mappings(data.get("parts"))
        if kind == "tool_result" or any("functionResponse" in part for part in parts):
            self._take_results(line, parent, parts)
            return
        message = Message(line, "assistant" if kind == "assistant" else "user", spoken_parts(parts), created_at=when)
        message.parts.extend(calls_of(parts))
        message.reasoning = thoughts_of(parts)
        if kind == "assistant":
            usage = mapping(record.get("usageMetadata"))
            message.model = text(record.get("model")) or None
            message.input_tokens = count(usage.get("promptTokenCount"))
            message.output_tokens = count(usage.get("candidatesTokenCount"))
            message.total_tokens = count(usage.get("totalTokenCount"))
        else:
            provenance = text(record.get("provenance")) or text(at(record, "provenance", "kind"))
            typed = text(record.get("subtype")) in _TYPED and provenance in ("", "real_user")
            message.hidden = not typed
        self.thread.add(message, parent)

    def conversation(self, name: str) -> Conversation:
        messages, shown = self.thread.finish()
        key = text(self._first.get("sessionId")) or name
        models = [message.model for message in messages if message.model]
        return Conversation(
            key,
            self._title,
            messages,
            shown,
            min(self._times, default=None),
            max(self._times, default=None),
            models[-1] if models else None,
            project=text(self._first.get("cwd")),
            resume=f"qwen --resume {key}" if key.replace("-", "").isalnum() else "",
        )

    def _take_results(self, line: str, parent: str | None, parts: list[Record]) -> None:
        lost = []
        for part in parts:
            call, name, result, is_error = result_of(mapping(part.get("functionResponse")))
            if "functionResponse" in part and not self.thread.result(call, result, is_error=is_error):
                lost.extend(orphan(line, call, name, result, is_error=is_error).parts)
        if lost:
            self.thread.add(Message(line, "assistant", lost), parent)
        else:
            self.thread.place(line, parent)
