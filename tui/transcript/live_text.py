"""Text of a reply that is still arriving, with the tool calls in it."""

from __future__ import annotations

from collections.abc import Sequence

from sterna.storage.conversations.tool_calls import ToolCall, with_tool_calls

from ..markdown import Block, LiveDocument, blocks


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
