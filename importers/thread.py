"""Messages of one conversation, put together from the lines of a log."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from .parents import reparented
from .records import ROOT, Message, Part, Role, Text, ToolCall

RECENT = 40
"""Lines before a turn that later lines may name as their parents."""


class Thread:
    """Tree of the lines of one log, not all of which are messages.

    A line follows its parent; where that is not in the log, the line before it. With ``known``, the log is read from
    the beginning of a turn: it maps the lines before to the messages that they belong to.
    """

    def __init__(self, known: Mapping[str, str] | None = None, last: str = ROOT) -> None:
        self.messages: dict[str, Message] = {}
        self.calls: dict[str, ToolCall] = {}
        self.last = last
        """Id of the newest line."""
        self.turns = 0
        """Prompts that a person typed."""
        self.is_rest = known is not None
        self.misses = False
        """It depends on lines that were not read: the whole log has to be."""
        self._known = dict(known or {})
        self._turn: tuple[list[str], str] = ([], last)
        self._parents: dict[str, str | None] = {}
        self._before: dict[str, str] = {}
        self._same: dict[str, str] = {}
        self._moved: dict[str, str] = {}
        self._above: dict[str, str] = {}

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
        self._add(message, None)
        if before != ROOT:
            self._moved[before] = message.id

    def add(self, message: Message, parent: str | None) -> None:
        """Add a message with its line; the newer one where two have the same id."""
        if message.role == "user" and not message.hidden:
            self.turns += 1
            self._turn = list(islice(reversed(self._parents), RECENT)), self.last
        self._add(message, parent)

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
            self.misses = self.misses or self.is_rest
            return False
        found.result, found.is_error = text, is_error
        return True

    def finish(self) -> tuple[list[Message], str | None]:
        """Return the messages, each with its parent, and the last one of the newest branch."""
        outside = set(self._known.values()) - {ROOT}
        parents: dict[str, str | None] = dict.fromkeys(outside)
        for line, named in self._parents.items():
            parent = None if named is None else self._same.get(named, named)
            if parent != ROOT and parent is not None and parent not in self._parents:
                if parent not in self._known:
                    self.misses = self.misses or self.is_rest
                    parent = self._before[line]
                parent = self._known.get(parent, parent)
            parents[line] = None if parent == ROOT else parent
        above = reparented(parents, self.messages.keys() | outside)
        for message in self.messages.values():
            message.parent = above.get(message.id, ROOT)
            message.hidden = message.hidden or not (message.parts or message.reasoning or message.error)
        self._above = above
        shown = self._message_of(self.last)
        return list(self.messages.values()), shown or None

    def before_turn(self) -> tuple[dict[str, str], str]:
        """Return what a thread that begins with the newest turn has to know; after :meth:`finish`."""
        lines, last = self._turn
        known = {line: self._message_of(line) for line in (*lines, last) if line != ROOT}
        known |= {message: message for message in known.values() if message != ROOT}
        return known, last

    def _add(self, message: Message, parent: str | None) -> None:
        self.place(message.id, parent)
        self.messages[message.id] = message
        self.calls.update((part.id, part) for part in message.parts if isinstance(part, ToolCall) and part.id)

    def _message_of(self, line: str) -> str:
        leaf = self._same.get(line, line)
        if leaf in self.messages:
            return leaf
        return self._known[leaf] if leaf in self._known else self._above.get(leaf, ROOT)


def orphan(line: str, call: str, name: str, result: str, *, is_error: bool = False) -> Message:
    """Return a message for the result of a tool whose call is not in the log."""
    return Message(line, "assistant", [ToolCall(name or "tool", None, result, is_error, call)])


def spoken(message: str, role: Role, text: str, **fields: Any) -> Message:
    """Return a message of text."""
    parts: list[Part] = [Text(text)] if text else []
    return Message(message, role, parts, **fields)
