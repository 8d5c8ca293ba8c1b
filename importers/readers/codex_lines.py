"""Lines of a rollout of Codex, put together to messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..growing import Start
from ..records import Conversation, Message, Text, ToolCall
from ..thread import Thread, orphan, spoken
from ..times import moment
from ..values import at, chosen, count, identifier, mapping, mappings, text
from .codex_items import called, content_parts, output_of

_CONTEXT = (
    "# AGENTS.md instructions",
    "<environment_context>",
    "<user_instructions>",
    "<permissions instructions>",
    "<recommended_plugins>",
    "<goal_context>",
    "<turn_aborted>",
    "<INSTRUCTIONS>",
    "<skill>",
    "<subagent_notification>",
)
_OUTPUTS = {"function_call_output", "custom_tool_call_output", "tool_search_output", "mcp_tool_call_output"}
_NOT_SHOWN = {"ghost_snapshot", "compaction", "compaction_trigger", "other"}


class Rollout:
    """One session. Lines are known by their numbers; ``turns_of_parent`` are those that it repeats."""

    def __init__(self, turns_of_parent: frozenset[str], start: Start | None = None) -> None:
        start = start or Start()
        self._copied = turns_of_parent
        self._is_copy = bool(turns_of_parent)
        self.thread = start.thread()
        self._is_rest = start.is_rest
        self._events = Thread()
        self._reply: Message | None = None
        self._has_result = False
        self._turns: list[tuple[str, str]] = []
        self._model: str | None = text(start.memory.get("model")) or None
        self._meta = mapping(start.memory.get("meta"))
        self._title = ""
        self._times: list[datetime] = []
        self._aborted = False

    def memory(self) -> dict[str, Any] | None:
        """Return what a rest of the log needs to know; while it repeats its parent, it is read as a whole."""
        if self._copied or (self._events.messages and not self.thread.messages):
            return None
        names = ("id", "cwd", "parent_thread_id", "forked_from_id", "source")
        return {"model": self._model, "meta": chosen(self._meta, *names)}

    def take(self, number: int, record: dict[str, Any]) -> None:
        """Add one line."""
        kind, payload = text(record.get("type")), mapping(record.get("payload"))
        when = moment(record.get("timestamp"))
        if when is not None:
            self._times = [*self._times[:1], when]
        if kind == "session_meta" or {"id", "instructions"} <= record.keys():
            self._meta = self._meta or payload or record
        elif kind == "turn_context":
            self._model = text(payload.get("model")) or self._model
            self._note_turn(payload)
        elif kind == "event_msg":
            self._take_event(str(number), payload, when)
        elif kind == "compacted":
            self._add(spoken(str(number), "user", text(payload.get("message")), created_at=when, hidden=True))
        elif kind == "response_item" or ("payload" not in record and kind):
            self._take_item(str(number), payload or record, when)

    def conversation(self, name: str) -> Conversation:
        """Return what was read; ``name`` stands for an id that is not in the log."""
        thread = self.thread if self._has_items() else self._events
        messages, shown = thread.finish()
        key = text(self._meta.get("id")) or name
        source = self._meta.get("source")
        parent = text(self._meta.get("parent_thread_id")) or text(
            at(source, "subagent", "thread_spawn", "parent_thread_id")
        )
        metadata = chosen(self._meta, "cli_version", "originator", "base_instructions", "instructions")
        return Conversation(
            key,
            self._title,
            messages,
            shown,
            self._times[0] if self._times else None,
            self._times[-1] if self._times else None,
            self._model,
            project=text(self._meta.get("cwd")),
            parent_id=parent or text(self._meta.get("forked_from_id")),
            resume=f"codex resume {key}" if key.replace("-", "").isalnum() and "id" in self._meta else "",
            metadata=metadata,
        )

    def _has_items(self) -> bool:
        return self._is_rest or any(not message.hidden for message in self.thread.messages.values())

    def _note_turn(self, payload: dict[str, Any]) -> None:
        turn = text(payload.get("turn_id"))
        if self._is_copy and turn and turn not in self._copied:
            self._is_copy = False

    def _add(self, message: Message) -> None:
        message.hidden = message.hidden or self._is_copy
        self.thread.add(message, None)
        self._reply = None

    def _take_event(self, number: str, event: dict[str, Any], when: datetime | None) -> None:
        kind, said = text(event.get("type")), text(event.get("message")) or text(event.get("text"))
        self._note_turn(event)
        if kind == "thread_name_updated":
            self._title = text(event.get("thread_name")) or self._title
        elif kind == "user_message":
            self._events.add(spoken(number, "user", said, created_at=when, hidden=self._is_copy), None)
        elif kind == "agent_message":
            self._events.add(spoken(number, "assistant", said, created_at=when, model=self._model), None)
        elif kind == "token_count":
            self._count(mapping(at(event, "info", "last_token_usage")))
        elif kind == "turn_aborted":
            self._aborted = True
            if self._reply is not None:
                self._reply.stopped = True
        elif kind == "thread_rolled_back":
            self._roll_back(count(event.get("num_turns")))
        elif kind in ("error", "stream_error") and said and kind == "error":
            self._add(Message(number, "assistant", created_at=when, model=self._model, error=said))

    def _count(self, usage: dict[str, Any]) -> None:
        last = next(reversed(self.thread.messages.values()), None)
        if last is not None and last.role == "assistant" and usage:
            last.input_tokens, last.output_tokens = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
            last.metadata["usage"] = chosen(usage, "cached_input_tokens", "reasoning_output_tokens")

    def _roll_back(self, turns: int) -> None:
        """Go on before the last turns, which stay as a branch that is not shown."""
        self.thread.misses = self.thread.misses or (self._is_rest and turns > len(self._turns))
        if 0 < turns <= len(self._turns):
            _, self.thread.last = self._turns[-turns]
            del self._turns[-turns:]
            self._reply = None

    def _take_item(self, number: str, item: dict[str, Any], when: datetime | None) -> None:
        kind = text(item.get("type"))
        call = identifier(item.get("call_id")) or identifier(item.get("id"))
        if kind == "message":
            self._take_message(number, item, when)
        elif kind in _OUTPUTS:
            result, is_error = output_of(item.get("output") if "output" in item else item.get("tools"))
            if not self.thread.result(call, result, is_error=is_error):
                self._add(orphan(number, call, "", result, is_error=is_error))
            self._has_result = True
        elif kind not in _NOT_SHOWN and kind:
            reply = self._answer(number, when)
            if kind == "reasoning":
                thoughts = mappings(item.get("summary")) or mappings(item.get("content"))
                said = "\n\n".join(text(thought.get("text")) for thought in thoughts)
                reply.reasoning = "\n\n".join(part for part in (reply.reasoning, said) if part)
                return
            part = called(kind, call, item)
            reply.parts.append(part)
            if isinstance(part, ToolCall):
                self.thread.calls[call] = part

    def _take_message(self, number: str, item: dict[str, Any], when: datetime | None) -> None:
        role, parts = text(item.get("role")), content_parts(item.get("content"))
        if role == "assistant":
            self._answer(number, when).parts.extend(parts)
            return
        said = "\n".join(part.text for part in parts if isinstance(part, Text))
        if role != "user":
            self._add(Message(number, "system", parts, created_at=when, hidden=True))
            return
        message = Message(number, "user", parts, created_at=when, hidden=said.lstrip().startswith(_CONTEXT))
        last = next(reversed(self.thread.messages.values()), None)
        if self._aborted and last is not None and last.role == "user" and last.parts == parts:
            return  # written again for the model after the turn was aborted
        if not message.hidden:
            self._turns.append((number, self.thread.last))
            self._aborted = False
        self._add(message)

    def _answer(self, number: str, when: datetime | None) -> Message:
        """Return the reply to add to: a new one after a prompt or the result of a tool."""
        if self._reply is None or self._has_result:
            reply = Message(number, "assistant", created_at=when, model=self._model)
            self._add(reply)
            self._reply = reply
        self._has_result = False
        return self._reply
