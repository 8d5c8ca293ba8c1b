"""Tool calls of a reply that is still arriving: their places in its text, and how far each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sterna.storage import one_line
from sterna.storage.conversations.tool_calls import ToolCall, with_tool_calls

from ..markdown import Block, LiveDocument, blocks
from .source import Reply

LONGEST_PROGRESS = 60
ASKS, RUNS, WAITS = "waits for your answer", "running…", "waits"
NO_STATES: Mapping[str, str] = MappingProxyType({})


class LiveText:
    """Blocks of a text that grows, with tool calls between them. What stands before the last call is finished."""

    def __init__(self) -> None:
        self._tail = LiveDocument()
        self._calls = 0
        self._finished: dict[str, Sequence[Block]] = {}

    def update(self, content: str, calls: tuple[ToolCall, ...]) -> list[Sequence[Block] | int]:
        """Return the blocks of each piece of the text, and between them the positions of the calls."""
        if len(calls) != self._calls:
            self._calls, self._tail = len(calls), LiveDocument()
        pieces: list[Sequence[Block] | int] = []
        number, parts = 0, with_tool_calls(content, calls)
        for part in parts:
            if not isinstance(part, str):
                pieces.append(number)
                number += 1
            elif number == len(calls):
                pieces.append(self._tail.update(part))
            else:
                if part not in self._finished:
                    self._finished[part] = blocks(part)
                pieces.append(self._finished[part])
        return pieces


def call_states(reply: Reply, now: float) -> Mapping[str, str]:
    """Return how far each call is that has no result yet, by its id. One runs at a time, the others wait for it."""
    states: dict[str, str] = {}
    is_running = False
    for call in reply.tool_calls:
        if call.result is not None:
            continue
        if reply.asking is not None and reply.asking.id == call.id:
            states[call.id] = ASKS
        elif reply.call_started and not is_running:
            is_running = True
            progress = one_line(reply.progress, LONGEST_PROGRESS)
            states[call.id] = f"{RUNS} {max(0, now - reply.call_started):.0f} s" + (f"  {progress}" if progress else "")
        else:
            states[call.id] = WAITS
    return states or NO_STATES
