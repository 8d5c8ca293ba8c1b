"""Calls of tools in a reply, put together from pieces that vendors number in different ways."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from .events import ToolRequest
from .usage import is_map

MAX_CALLS = 256
"""Most calls of one reply that are read; models ask for a few."""
_JUNK = re.compile(r"<\|.*", re.DOTALL)
"""Control tokens that servers of open models leave behind a name."""


class _Call:
    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""
        self.opaque: Any = None


class ToolRequestCollector:
    """Collector of the calls in one reply."""

    def __init__(self, offered: Collection[str] = ()) -> None:
        """Create a collector. ``offered``: names of the tools of the request."""
        self.asked = False
        """True if a tool was asked for, with or without a name."""
        self._offered = frozenset(offered)
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    @property
    def names(self) -> list[str]:
        """Return the names, each once."""
        return list(dict.fromkeys(call.name for call in self._calls if call.name))

    def add(self, message: Mapping[str, Any]) -> int:
        """Add the pieces in a message of the chat API, and return their characters."""
        calls = message.get("tool_calls")
        pieces = [*(calls if isinstance(calls, list) else ()), {"function": message.get("function_call")}]
        return sum(self._add(piece) for piece in pieces if is_map(piece) and is_map(piece.get("function")))

    def requests(self) -> tuple[ToolRequest, ...]:
        """Return the calls for tools that were offered; none if none were."""
        if not self._offered:
            return ()
        return tuple(
            ToolRequest(call.id, self._known(call.name), call.arguments.strip() or "{}", call.opaque)
            for call in self._calls
            if call.name
        )

    def _add(self, piece: Mapping[str, Any]) -> int:
        self.asked = True
        function, id_, index = piece["function"], _text(piece.get("id")), piece.get("index")
        name, given = _text(function.get("name")), function.get("arguments")
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False) if is_map(given) else ""
        call = self._same(index, id_, name, arguments)
        if call is None:
            if len(self._calls) == MAX_CALLS:
                return len(arguments)
            call = _Call()
            self._calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        call.id, call.name = call.id or id_, call.name or name
        call.opaque = piece.get("extra_content") or call.opaque  # Gemini's signatures
        if not (arguments and arguments == call.arguments):  # some send all of them again at the end
            call.arguments += arguments
        return len(arguments)

    def _same(self, index: object, id_: str, name: str, arguments: str) -> _Call | None:
        """Return the call that a piece goes on with; None for a new one.

        Not every server counts: some give all calls the same index, or none. Some repeat name and id with each piece.
        """
        if isinstance(index, int):
            call = self._by_index.get(index)
        elif id_:
            call = next((call for call in self._calls if call.id == id_), None)
        else:
            call = self._calls[-1] if self._calls and not name else None
        if call is None or not name or not call.name:
            return call
        if id_ and call.id:
            return call if id_ == call.id else None
        is_next = arguments.startswith("{") and arguments != call.arguments and _is_object(call.arguments)
        return None if is_next else call

    def _known(self, name: str) -> str:
        """Return the name as it was offered, where a server has decorated it."""
        bare = _JUNK.sub("", name).strip()
        candidates = (name, bare, bare.removeprefix("functions."), bare.rpartition(".")[2])
        return next((each for each in candidates if each in self._offered), name)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
