"""Tool calls of a message between the pieces of its text, each folded or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sterna.storage.conversations.tool_calls import ToolCall, with_tool_calls

from ..markdown import Block
from .tool_call_lines import call_details, call_line

Pieces = Sequence[Sequence[Block] | int]
"""Blocks of each piece of a text, and between them the positions of the calls."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
NO_RESULT = "no result"


class CallParts:
    """Blocks of a text and of the calls in it."""

    def __init__(self) -> None:
        self.calls: tuple[ToolCall, ...] = ()
        self.states: Mapping[str, str] = NOTHING
        """States of the calls that have no result yet, by their ids."""
        self._other_state = NO_RESULT
        self.pieces: Pieces = ()
        self._unfolded: set[int] = set()
        self._lines: list[Block] = []
        """Lines that stand for calls; a click opens and closes one."""

    def show_settled(
        self, content: str, calls: tuple[ToolCall, ...], render: Callable[[str], list[Block]]
    ) -> list[Block]:
        """Take the text and the calls of a settled message; return the blocks of the text alone."""
        numbers = iter(range(len(calls)))
        parts = with_tool_calls(content, calls)
        self._other_state = NO_RESULT
        return self._show([render(part) if isinstance(part, str) else next(numbers) for part in parts], calls)

    def show_live(self, pieces: Pieces, calls: tuple[ToolCall, ...], states: Mapping[str, str]) -> list[Block]:
        """Take the pieces of a text that arrives; return its blocks alone."""
        self._other_state = "running…"
        return self._show(pieces, calls, states)

    def _show(self, pieces: Pieces, calls: tuple[ToolCall, ...], states: Mapping[str, str] = NOTHING) -> list[Block]:
        self.pieces, self.calls, self.states = pieces, calls, states
        return [block for piece in pieces if not isinstance(piece, int) for block in piece]

    @property
    def are_all_unfolded(self) -> bool:
        """True where arguments and result of every call are shown."""
        return len(self._unfolded) == len(self.calls)

    def unfold_all(self, unfold: bool) -> None:
        """Show arguments and results of all calls, or of none."""
        self._unfolded = set(range(len(self.calls))) if unfold else set()

    def toggle(self, index: int) -> None:
        """Show or hide arguments and result of one call."""
        self._unfolded ^= {index}

    def index_of(self, block: Block) -> int | None:
        """Return the position of the call that a line stands for; None for any other block."""
        return next((at for at, line in enumerate(self._lines) if line is block), None)

    def blocks(self) -> list[Block]:
        """Return text and calls as they are drawn."""
        self._lines = []
        result: list[Block] = []
        for piece in self.pieces:
            if not isinstance(piece, int):
                result += piece
                continue
            call, is_unfolded = self.calls[piece], piece in self._unfolded
            follows_line = bool(self._lines) and result[-1] is self._lines[-1]
            state = self.states.get(call.id, self._other_state)
            self._lines.append(call_line(call, is_unfolded, 0 if follows_line else 1, state))
            result += [self._lines[-1], *(call_details(call) if is_unfolded else ())]
        return result
