"""Messages of one conversation, put together from the lines of a log."""

from __future__ import annotations

from typing import Any

from .parents import reparented
from .records import ROOT, Message, Part, Role, Text, ToolCall


class Thread:
    """Tree of the lines of one log, not all of which are messages.

    A line follows its parent; where that is not in the log, the line before it.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.calls: dict[str, ToolCall] = {}
        self.last = ROOT
        """Id of the newest line."""
        self._parents: dict[str, str | None] = {}
        self._before: dict[str, str] = {}
        self._same: dict[str, str] = {}
        self._moved: dict[str, str] = {}

    def __contains__(self, line: str) -> bool:
        return line in self._parents or line in self._same

    def place(self, line: str, parent: str | None) -> None:
        """Add a line, which need not be a message; ROOT begins the conversation, None follows the line before."""
        if line in self:
            self.last = self._same.get(line, line)
            return
        self._before[line] = self.last
        self._parents[line] = self.last if parent is None else self._moved.get(parent, parent)
        self.last = line

    def follow(self, message: Message) -> None:
        """Add a message that follows the newest line, as do later lines that name that one as their parent."""
        before = self.last
        self.add(message, None)
        if before != ROOT:
            self._moved[before] = message.id

    def add(self, message: Message, parent: str | None) -> None:
        """Add a message with its line; the newer one where two have the same id."""
        self.place(message.id, parent)
        self.messages[message.id] = message
        self.calls.update((part.id, part) for part in message.parts if isinstance(part, ToolCall) and part.id)

    def merge(self, line: str, message: Message) -> None:
        """Say that a line is a part of a message that is there."""
        if line not in self:
            self._same[line] = message.id
        self.last = message.id
        self.calls.update((part.id, part) for part in message.parts if isinstance(part, ToolCall) and part.id)

    def result(self, call: str, text: str, *, is_error: bool = False) -> bool:
        """Attach the result of a tool to its call; False where there is none."""
        found = self.calls.get(call)
        if found is None:
            return False
        found.result, found.is_error = text, is_error
        return True

    def finish(self) -> tuple[list[Message], str | None]:
        """Return the messages, each with its parent, and the last one of the newest branch."""
        parents: dict[str, str | None] = {}
        for line, named in self._parents.items():
            parent = None if named is None else self._same.get(named, named)
            if parent == ROOT or parent is None:
                parents[line] = None
            else:
                parents[line] = parent if parent in self._parents else self._before[line]
        above = reparented(parents, self.messages)
        for message in self.messages.values():
            message.parent = above.get(message.id, ROOT)
        leaf = self._same.get(self.last, self.last)
        shown = leaf if leaf in self.messages else above.get(leaf, ROOT)
        return list(self.messages.values()), shown or None


def orphan(line: str, call: str, name: str, result: str, *, is_error: bool = False) -> Message:
    """Return a message for the result of a tool whose call is not in the log."""
    return Message(line, "assistant", [ToolCall(name or "tool", None, result, is_error, call)])


def spoken(message: str, role: Role, text: str, **fields: Any) -> Message:
    """Return a message of text."""
    parts: list[Part] = [Text(text)] if text else []
    return Message(message, role, parts, **fields)
