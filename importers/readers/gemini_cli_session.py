"""One session of Gemini CLI: its log is replayed, because its lines change what stands before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..records import ROOT, Conversation, Message, Text, ToolCall
from ..times import moment
from ..values import at, count, identifier, mapping, mappings, text
from .google_parts import listed, result_of, spoken_parts

_MESSAGES = {"user", "gemini", "info", "error", "warning"}


class GeminiSession:
    """State of a session after the lines that were taken. What was rewound stays as a branch."""

    def __init__(self, header: Mapping[str, Any] | None = None, active: Sequence[str] = ()) -> None:
        """Begin a session, or go on with one whose shown branch had these messages."""
        self.header: dict[str, Any] = dict(header or {})
        self.is_rest = bool(active)
        self.misses = False
        """It depends on lines that were not read: the whole log has to be."""
        self._records: dict[str, dict[str, Any]] = {}
        self._parents = dict(zip(active, (ROOT, *active), strict=False))
        self._active: dict[str, None] = dict.fromkeys(active)
        """Messages of the branch that is shown, in order."""

    @property
    def active(self) -> list[str]:
        """Return the messages of the branch that is shown."""
        return list(self._active)

    def take(self, record: dict[str, Any]) -> None:
        """Apply one line, or a whole document."""
        changes = mapping(record.get("$set"))
        if "$rewindTo" in record:
            self.misses = self.is_rest
            self._rewind(identifier(record.get("$rewindTo")))
        elif text(record.get("type")) in _MESSAGES and identifier(record.get("id")):
            self._add(record)
        elif changes or "sessionId" in record:
            changes = changes or record
            self.header |= {key: value for key, value in changes.items() if key != "messages"}
            if isinstance(changes.get("messages"), list):
                self.misses = self.is_rest
                self._records.clear()
                self._parents.clear()
                self._active.clear()
                for message in mappings(changes["messages"]):
                    if identifier(message.get("id")):
                        self._add(message)

    def conversation(self, projects: Mapping[str, str]) -> Conversation:
        """Return the session; ``projects`` are folders by their hash."""
        key = text(self.header.get("sessionId"))
        messages = [_message(record, self._parents[message]) for message, record in self._records.items()]
        models = [message.model for message in messages if message.model]
        directories = self.header.get("directories")
        folder = directories[0] if isinstance(directories, list) and directories else ""
        return Conversation(
            key,
            text(self.header.get("summary")),
            messages,
            next(reversed(self._active), None),
            moment(self.header.get("startTime")),
            moment(self.header.get("lastUpdated")) or _latest(messages),
            models[-1] if models else None,
            project=projects.get(text(self.header.get("projectHash")), text(folder)),
            resume=f"gemini --resume {key}" if key.replace("-", "").isalnum() else "",
        )

    def _add(self, record: dict[str, Any]) -> None:
        key = identifier(record.get("id"))
        if key not in self._active:
            self._parents[key] = next(reversed(self._active), ROOT)
            self._active[key] = None
        self._records[key] = record

    def _rewind(self, key: str) -> None:
        if key not in self._active:
            self._active.clear()
        while key in self._active:
            self._active.popitem()


def _latest(messages: list[Message]) -> datetime | None:
    return max((message.created_at for message in messages if message.created_at is not None), default=None)


def _message(record: dict[str, Any], parent: str) -> Message:
    kind, tokens = text(record.get("type")), mapping(record.get("tokens"))
    content, displayed = listed(record.get("content")), listed(record.get("displayContent"))
    message = Message(
        identifier(record.get("id")),
        "assistant" if kind in ("gemini", "error") else "user" if kind == "user" else "system",
        spoken_parts(displayed or content),
        parent,
        moment(record.get("timestamp")),
        text(record.get("model")) or None,
        "\n\n".join(map(_thought, mappings(record.get("thoughts")))),
        count(tokens.get("input")),
        count(tokens.get("output")),
        count(tokens.get("total")),
        hidden=kind in ("info", "warning"),
    )
    if kind == "error":
        message.error = "\n".join(part.text for part in message.parts if isinstance(part, Text))
        message.parts = []
    if displayed and displayed != content:
        message.metadata["context"] = [part.text for part in spoken_parts(content) if isinstance(part, Text)]
    for call in mappings(record.get("toolCalls")):
        message.parts.append(_call(call))
    return message


def _thought(thought: dict[str, Any]) -> str:
    subject, description = text(thought.get("subject")), text(thought.get("description"))
    return f"**{subject}**\n{description}" if subject and description else subject or description


def _call(call: dict[str, Any]) -> ToolCall:
    results = []
    for part in listed(call.get("result")):
        response = at(part, "functionResponse")
        results.append(result_of(response)[2] if isinstance(response, dict) else text(at(part, "text")))
    is_error = call.get("status") in ("error", "cancelled")
    result = "\n".join(result for result in results if result)
    has_result = "result" in call or is_error
    return ToolCall(
        text(call.get("name")) or "tool",
        call.get("args"),
        result if has_result else None,
        is_error,
        identifier(call.get("id")),
    )
