"""GitHub Copilot CLI: ``~/.copilot/session-state/<id>/events.jsonl``, and the documents of its first versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, ClassVar

from ..chat_messages import ChatMessages
from ..documents import beginning, document
from ..growing import Start, follow
from ..json_stream import BrokenJson
from ..lines import Record, first_records
from ..reader import Reader
from ..records import Attachment, Conversation, Mark, Message, Skipped, ToolCall
from ..thread import Thread, orphan, spoken
from ..times import moment
from ..tree import FileTree
from ..values import at, chosen, count, identifier, mapping, mappings, parsed, text


class CopilotCli(Reader):
    """Reader of sessions."""

    name: ClassVar[str] = "copilot-cli"
    label: ClassVar[str] = "GitHub Copilot CLI"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_events(tree, path) or _is_document(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if not _is_events(tree, path):
            try:
                yield _early(mapping(document(tree, path)), PurePosixPath(path).stem)
            except BrokenJson as error:
                yield Skipped(str(error), where=path)
            return
        yield from (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if not _is_events(tree, path):
            yield from self.read(tree, path)
            return
        folder, stem = PurePosixPath(path).parent, PurePosixPath(path).stem

        def end(session: _Session) -> Iterator[Conversation]:
            title = _title(tree, str(folder / "workspace.yaml") if str(folder) != "." else "workspace.yaml")
            return session.conversations(folder.name if stem == "events" else stem, title)

        yield from follow(tree, path, mark, _Session, end)


def _is_events(tree: FileTree, path: str) -> bool:
    return any(
        text(record.get("type")).startswith(("session.", "user.", "assistant."))
        and isinstance(record.get("data"), dict)
        for record in first_records(tree, path, 3)
    )


def _is_document(tree: FileTree, path: str) -> bool:
    head = tree.head(path)
    if not head.lstrip().startswith(b"{") or b'"chatMessages"' not in head:
        return False
    return {"sessionId", "chatMessages"} <= mapping(beginning(head)).keys()


def _early(session: Record, name: str) -> Conversation:
    key = text(session.get("sessionId")) or name
    chat = ChatMessages()
    chat.extend(session.get("chatMessages"))
    started = moment(session.get("startTime"))
    return Conversation(key, messages=chat.messages, created_at=started, resume=_resume(key))


def _resume(key: str) -> str:
    return f"copilot --resume {key}" if key.replace("-", "").isalnum() else ""


def _title(tree: FileTree, path: str) -> str:
    """Return the name in a small YAML file."""
    if path not in tree.paths:
        return ""
    import yaml

    try:
        workspace = mapping(yaml.safe_load(tree.head(path).decode("utf-8", "replace")))
    except yaml.YAMLError:
        return ""
    return text(workspace.get("name")) or text(workspace.get("summary"))


class _Session:
    def __init__(self, start: Start) -> None:
        self.thread = start.thread()
        self._threads = {"": self.thread}
        self._start = mapping(start.memory.get("start"))
        self._model: str | None = text(start.memory.get("model")) or None
        self._times: list[datetime] = []

    def memory(self) -> dict[str, Any] | None:
        """Return what a rest of the log needs to know; one with sub-agents is read as a whole."""
        if len(self._threads) > 1:
            return None
        return {"start": chosen(self._start, "sessionId", "context", "cwd"), "model": self._model}

    def take(self, number: int, event: Record) -> None:
        kind, data = text(event.get("type")), mapping(event.get("data"))
        line, parent = identifier(event.get("id")), identifier(event.get("parentId")) or None
        when = moment(event.get("timestamp"))
        if when is not None:
            self._times.append(when)
        if kind == "session.start":
            self._start = self._start or data
            self._model = text(data.get("selectedModel")) or self._model
        elif kind == "session.model_change":
            self._model = text(data.get("newModel")) or text(data.get("model")) or self._model
        if not line:
            return
        # what a sub-agent says names the call that started it
        agent = identifier(data.get("parentToolCallId"))
        thread = self._threads.setdefault(agent, Thread())
        self.thread.misses = self.thread.misses or (self.thread.is_rest and thread is not self.thread)
        if line in thread:
            return
        if kind == "user.message":
            message = spoken(line, "user", text(data.get("content")), created_at=when)
            files = (
                text(file.get("displayName")) or text(file.get("path")) for file in mappings(data.get("attachments"))
            )
            message.parts.extend(Attachment(name) for name in files if name)
            thread.add(message, parent)
        elif kind == "assistant.message":
            thread.add(self._reply(line, data, when), parent)
        elif kind == "tool.execution_complete":
            self._take_result(thread, line, parent, data)
        elif kind in ("session.error", "error") and text(data.get("message")):
            thread.add(Message(line, "assistant", created_at=when, error=text(data["message"])), parent)
        else:
            if kind == "abort":
                self._stop(thread)
            thread.place(line, parent)

    def conversations(self, name: str, title: str) -> Iterator[Conversation]:
        key = text(self._start.get("sessionId")) or name
        for agent, thread in self._threads.items():
            messages, shown = thread.finish()
            if not messages:
                continue
            yield Conversation(
                f"{key}/{agent}" if agent else key,
                "" if agent else title,
                messages,
                shown,
                min(self._times, default=None),
                max(self._times, default=None),
                self._model,
                project=text(at(self._start, "context", "cwd")) or text(self._start.get("cwd")),
                parent_id=key if agent else "",
                resume="" if agent else _resume(key),
            )

    def _reply(self, line: str, data: Record, when: datetime | None) -> Message:
        message = spoken(line, "assistant", text(data.get("content")), created_at=when)
        message.model = text(data.get("model")) or self._model
        message.reasoning = text(data.get("reasoningText"))
        message.output_tokens = count(data.get("outputTokens"))
        message.parts.extend(
            ToolCall(
                text(call.get("name")) or "tool", parsed(call.get("arguments")), id=identifier(call.get("toolCallId"))
            )
            for call in mappings(data.get("toolRequests"))
        )
        return message

    def _take_result(self, thread: Thread, line: str, parent: str | None, data: Record) -> None:
        call, is_error = identifier(data.get("toolCallId")), data.get("success") is False
        result = _text(data.get("result")) or text(at(data, "error", "message")) or text(data.get("error"))
        if thread.result(call, result, is_error=is_error):
            thread.place(line, parent)
        else:
            thread.add(orphan(line, call, text(data.get("toolName")), result, is_error=is_error), parent)

    def _stop(self, thread: Thread) -> None:
        last = next(reversed(thread.messages.values()), None)
        if last is not None and last.role == "assistant":
            last.stopped = True


def _text(result: Any) -> str:
    return text(result) or text(at(result, "detailedContent")) or text(at(result, "content"))
