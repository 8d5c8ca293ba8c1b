"""Document: blocks one below the other, drawn by one widget."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from textual.css.styles import RulesMap
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from .blocks import Block
from .rows import Drawing, Match, Row, draw

MOST_MATCHES = 10_000
"""Most matches of a search that are found in one document."""


class Position(NamedTuple):
    """Row of a document in terms that hold at any width."""

    block: int
    line: int
    """Logical line of the block; -1 in the blank rows before it."""
    x: int
    row: int
    """Row of the block; decoration, which has no lines, has only this."""


class Document(Visual):
    """Blocks with the arithmetic between rows, logical lines and selections."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self._ends: dict[int, list[int]] = {}

    @cached_property
    def _starts(self) -> list[int]:
        """Number of each block's first logical line. Blank rows between blocks are lines too."""
        starts, line = [], 0
        for index, block in enumerate(self.blocks):
            if block.lines and line:
                line += self._gap(index)
            starts.append(line)
            line += len(block.lines)
        return starts

    @property
    def lines(self) -> list[str]:
        """Text in logical lines, as it is selected and copied."""
        lines: list[str] = []
        for start, block in zip(self._starts, self.blocks, strict=True):
            if block.lines:
                lines.extend([""] * (start - len(lines)))
                lines.extend(block.lines)
        return lines

    @property
    def text(self) -> str:
        """Text without anything that the drawing added."""
        return "\n".join(self.lines)

    def extract(self, selection: Selection) -> str:
        """Return the selected part of the text."""
        lines = self.lines
        first, start = (0, 0) if selection.start is None else (selection.start.y, selection.start.x)
        last, end = (len(lines) - 1, None) if selection.end is None else (selection.end.y, selection.end.x)
        chosen = lines[first : last + 1]
        if chosen and last < len(lines) and end is not None:
            chosen[-1] = chosen[-1][:end]
        if chosen:
            chosen[0] = chosen[0][start:]
        return "\n".join(chosen)

    def matches(self, pattern: re.Pattern[str]) -> list[Match]:
        """Return the places in the text that match, in their order."""
        found = (
            Match(number, *match.span())
            for number, line in enumerate(self.lines)
            for match in pattern.finditer(line)
            if match[0]
        )
        return list(islice(found, MOST_MATCHES))

    def position_of(self, match: Match) -> Position:
        """Return the position at which a match begins."""
        index = bisect_right(self._starts, match.line) - 1
        while index and not self.blocks[index].lines:
            index -= 1
        return Position(index, match.line - self._starts[index], match.start, 0)

    def height(self, width: int) -> int:
        """Return the number of rows at ``width`` cells."""
        ends = self._layout(width)
        return ends[-1] if ends else 0

    def block_at(self, width: int, y: int) -> tuple[int, int]:
        """Return the block at row ``y`` and the row inside it; a negative row lies in the blank before it."""
        ends = self._layout(width)
        index = min(bisect_right(ends, y), len(ends) - 1)
        return index, y - (ends[index] - self.blocks[index].height(width))

    def top_of(self, width: int, index: int) -> int:
        """Return the first row of block ``index``."""
        return self._layout(width)[index] - self.blocks[index].height(width)

    def first_line(self, index: int) -> int:
        """Return the number of the first logical line of block ``index``."""
        return self._starts[index]

    def strip(self, width: int, y: int, drawing: Drawing) -> Strip:
        """Draw row ``y``."""
        index, row = self.block_at(width, y)
        block, line = self.blocks[index], self._starts[index]
        if row < 0:
            blank = Row(prefix=block.prefix.gap)
            return draw(blank, width, max(0, line + (row if block.lines else 0)), drawing)
        drawn = block.row(width, row)
        return draw(drawn, width, line + drawn.line, drawing)

    def position(self, width: int, y: int) -> Position:
        """Return the position of row ``y``; a row behind the last, of a document that was longer, is the last."""
        index, row = self.block_at(width, min(y, self.height(width) - 1))
        if row < 0:
            return Position(index, -1, 0, row)
        drawn = self.blocks[index].row(width, row)
        return Position(index, drawn.line, drawn.x, row)

    def row_of(self, width: int, position: Position) -> int:
        """Return the row that shows ``position`` at ``width``."""
        index = min(position.block, len(self.blocks) - 1)
        block = self.blocks[index]
        top, height = self.top_of(width, index), block.height(width)
        if position.line < 0:
            return max(0, top + position.row)
        if not block.lines:
            return top + min(position.row, height - 1)
        start = (position.line, position.x)
        if position.row < height and _start(block.row(width, position.row)) == start:
            return top + position.row
        rows = range(height)
        after = bisect_left(rows, True, key=lambda row: _start(block.row(width, row)) > start)
        return top + max(0, after - 1)

    def _gap(self, index: int) -> int:
        """Return the number of blank rows before block ``index``."""
        return 0 if index == 0 or self.blocks[index - 1].flush else self.blocks[index].gap

    def _layout(self, width: int) -> list[int]:
        """Return for every block the row after its last."""
        if (ends := self._ends.get(width)) is None:
            ends, row = [], 0
            for index, block in enumerate(self.blocks):
                row += self._gap(index) + block.height(width)
                ends.append(row)
            self._ends = {width: ends}
        return ends

    # Textual's interface of anything that a Static can show

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self.height(width)

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        drawing = Drawing(style, options.get_style, options.selection, options.selection_style)
        rows = self.height(width) if height is None else min(height, self.height(width))
        return [self.strip(width, y, drawing) for y in range(rows)] if width else []


def _start(row: Row) -> tuple[int, int]:
    return row.line, row.x
