"""Cache of the drawn rows of a message.

Textual's cache of a widget's lines goes by line number and is emptied whenever the widget changes its size, which a
reply that arrives does many times a second. This one goes by block: a block that did not change is not drawn again,
wherever it moves, and a strip that is used again brings its filtered and its encoded form with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from textual.strip import Strip

from ..markdown import Block

LARGEST = 1_000
"""Most strips that are kept; all are dropped when there are more."""


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """Drawn row."""

    block: Block
    """Referenced so that no other block gets its identity."""
    line: int
    """Logical line of the whole text, which its segments carry."""
    strip: Strip


class RowCache:
    """Strips by block and row, as long as everything else that they depend on stays the same."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], DrawnRow] = {}
        self._state: Hashable = None

    def strip(self, state: Hashable, block: Block, row: int, line: int, draw: Callable[[], Strip]) -> Strip:
        """Return row ``row`` of ``block``, from ``draw`` where it is not known.

        ``state`` is all that the drawing depends on beside block, row and ``line``, the block's first logical line.
        """
        if state != self._state or len(self._rows) > LARGEST:
            self._rows.clear()
            self._state = state
        drawn = self._rows.get((id(block), row))
        if drawn is None or drawn.line != line:
            drawn = self._rows[id(block), row] = DrawnRow(block, line, draw())
        return drawn.strip

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Drop every row."""
        self._rows.clear()
