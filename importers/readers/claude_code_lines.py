"""Lines of a log of Claude Code, put together to messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..growing import Start
from ..records import ROOT, Conversation, Message, Part, Text, ToolCall
from ..thread import Thread, orphan, spoken
from ..times import moment
from ..values import at, chosen, identifier, items, mapping, mappings, text
from .claude_code_blocks import fill_reply, merged_blocks, result_text, user_parts
from .claude_code_context import typed_text, visible

_INTERRUPTED = "[Request interrupted by user"


class Session:
    """One session: its main thread, and the threads of sub-agents whose lines stand between."""

    def __init__(self, summaries: dict[str, str], start: Start | None = None) -> None:
        start = start or Start()
        self.main = start.thread()
        self.agents: dict[str, Thread] = {}
        self.session_id = text(start.memory.get("session"))
        self.origin = text(start.memory.get("origin"))
        """Session that this one is, or from which it was copied."""
        self._newest: tuple[datetime, str, str] | None = None
        self._folder = text(start.memory.get("folder"))
        self._is_rest = start.is_rest
        self._version: dict[str, Any] = {}
        self._titles: dict[str, str] = {}
        self._summaries = dict(summaries)
        self._replies: dict[tuple[int, str], tuple[Message, list[Any]]] = {}
        self._agent_of: dict[str, str] = {}
        self._times: dict[int, tuple[datetime, datetime]] = {}

    @property
    def thread(self) -> Thread:
        """Thread of the person."""
        return self.main

    def memory(self) -> dict[str, Any] | None:
        """Return what a rest of the log needs to know; a log with sub-agents in it is read as a whole."""
        if self.agents:
            return None
        return {"session": self.session_id, "origin": self.origin, "folder": self._folder}

    def take(self, number: int, record: dict[str, Any]) -> None:
        """Add one line."""
        kind = text(record.get("type"))
        if kind in ("custom-title", "ai-title"):
            self._titles[kind] = text(record.get("customTitle")) or text(record.get("aiTitle"))
        elif kind == "summary" and text(record.get("leafUuid")):
            self._summaries[text(record["leafUuid"])] = text(record.get("summary"))
        queued = mapping(record.get("attachment")) if kind == "attachment" else {}
        line = text(record.get("uuid"))
        thread = self._thread(record, line)
        when = moment(record.get("timestamp"))
        if queued.get("type") == "queued_command":
            prompt = result_text(queued.get("prompt"))
            typed, added = typed_text(prompt)
            message = spoken(line or f"queued {record.get('timestamp')} {prompt}", "user", prompt, created_at=when)
            message.hidden = bool(added) and not typed
            if line:
                thread.add(message, _parent(record))
            else:
                thread.follow(message)
            return
        if not line:
            return
        if thread is self.main:
            self._note(record)
        if line in thread:  # a copy, or written twice
            return
        if when is not None:
            first, last = self._times.get(id(thread), (when, when))
            self._times[id(thread)] = min(first, when), max(last, when)
        if kind == "user":
            self._take_user(thread, record, line, when)
        elif kind == "assistant":
            self._take_assistant(thread, record, line, when)
        else:
            thread.place(line, _parent(record) or (None if kind != "system" or thread.messages else ROOT))

    def end_of_log(self) -> None:
        """Show the branch of the log that was continued last."""
        _, last = self._times.get(id(self.main), (None, None))
        if last is not None:
            if self._newest is None or last > self._newest[0]:
                self._newest = last, self.main.last, self.session_id
            _, self.main.last, self.session_id = self._newest

    def conversation(self, key: str, thread: Thread) -> Conversation:
        """Return one of the threads as a conversation."""
        messages, shown = thread.finish()
        first, last = self._times.get(id(thread), (None, None))
        models = [message.model for message in messages if message.model]
        return Conversation(
            key,
            messages=messages,
            shown=shown,
            created_at=first,
            updated_at=last,
            model=models[-1] if models else None,
            project=self._folder,
            metadata=self._version,
        )

    def title(self) -> str:
        """Return the newest title, one that the person chose before others."""
        summed = [title for leaf, title in self._summaries.items() if title and leaf in self.main]
        return self._titles.get("custom-title") or self._titles.get("ai-title") or (summed[-1] if summed else "")

    def _note(self, record: dict[str, Any]) -> None:
        self.session_id = text(record.get("sessionId")) or self.session_id
        self.origin = text(at(record, "forkedFrom", "sessionId")) or self.origin or self.session_id
        self._folder = self._folder or text(record.get("cwd"))
        self._version = self._version | chosen(record, "gitBranch", "version")

    def _thread(self, record: dict[str, Any], line: str) -> Thread:
        if record.get("isSidechain") is not True:
            return self.main
        self.session_id = self.session_id or text(record.get("sessionId"))
        self._folder = self._folder or text(record.get("cwd"))
        agent = text(record.get("agentId")) or self._agent_of.get(text(record.get("parentUuid"))) or line or "agent"
        self._agent_of[line] = agent
        self.main.misses = self.main.misses or self._is_rest
        return self.agents.setdefault(agent, Thread())

    def _take_user(self, thread: Thread, record: dict[str, Any], line: str, when: datetime | None) -> None:
        content = at(record, "message", "content")
        parts: list[Part] = [Text(content)] if isinstance(content, str) else []
        lost: list[ToolCall] = []
        for block in items(content):
            if at(block, "type") != "tool_result":
                parts.extend(user_parts(block))
                continue
            call, result = identifier(block.get("tool_use_id")), result_text(block.get("content"))
            is_error = block.get("is_error") is True
            if not thread.result(call, result, is_error=is_error):
                lost.append(orphan(line, call, "", result, is_error=is_error).parts[0])  # type: ignore[arg-type]
            for picture in (part for part in mappings(block.get("content")) if part.get("type") == "image"):
                parts.extend(user_parts(picture))
        if lost:
            thread.add(Message(line, "assistant", [*lost], created_at=when), _parent(record))
            return
        if not parts:
            thread.place(line, _parent(record))
            return
        shown, context = visible(parts)
        is_tool_result = any(at(block, "type") == "tool_result" for block in items(content))
        if any(isinstance(part, Text) and part.text.startswith(_INTERRUPTED) for part in parts):
            self._stop(thread)
            is_tool_result = is_tool_result or len(parts) == 1
        if is_tool_result and not any(isinstance(part, Text) for part in shown):
            self._add_to_last(thread, [part for part in shown if not isinstance(part, Text)])
            if context:
                hidden_parts: list[Part] = [Text(added) for added in context]
                thread.add(Message(line, "user", hidden_parts, created_at=when, hidden=True), _parent(record))
            thread.place(line, _parent(record))
            return
        hidden = record.get("isMeta") is True or record.get("isCompactSummary") is True or not shown
        message = Message(line, "user", parts if hidden else shown, created_at=when, hidden=hidden)
        if context and not hidden:
            message.metadata["context"] = context
        parent = _parent(record)
        thread.add(message, ROOT if parent is None and not hidden else parent)

    def _take_assistant(self, thread: Thread, record: dict[str, Any], line: str, when: datetime | None) -> None:
        reply = mapping(record.get("message"))
        api_id = text(reply.get("id"))
        blocks = items(reply.get("content"))
        if isinstance(reply.get("content"), str):
            blocks = [{"type": "text", "text": reply["content"]}]
        message, known = self._replies.get((id(thread), api_id), (Message(line, "assistant", created_at=when), []))
        known[:] = merged_blocks(known, blocks)
        fill_reply(message, record, reply, known, thread)
        if message.id == line:
            thread.add(message, _parent(record))
            if api_id and record.get("isApiErrorMessage") is not True:
                self._replies[id(thread), api_id] = message, known
        else:
            thread.merge(line, message)

    def _stop(self, thread: Thread) -> None:
        last = next((message for message in reversed(thread.messages.values()) if message.role == "assistant"), None)
        if last is not None:
            last.stopped = True

    def _add_to_last(self, thread: Thread, parts: list[Part]) -> None:
        last = next((message for message in reversed(thread.messages.values()) if message.role == "assistant"), None)
        if last is not None:
            last.parts.extend(parts)


def _parent(record: dict[str, Any]) -> str | None:
    """Return the line above: the one before it, None, where the record names none."""
    return text(record.get("parentUuid")) or text(record.get("logicalParentUuid")) or None
