"""Tables: aligned columns that share the width; where that is too narrow, each row becomes a list of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from . import styles
from .blocks import LAYOUTS, Block, Prefix, cuts, fitted
from .rows import Piece, Row

Align = Literal["left", "center", "right"]
NARROWEST = 5
"""Fewest cells of a column, unless its text is shorter."""
LONGEST_WORD = 20
"""Cells up to which a word is never broken: a table with narrower columns becomes a list."""
JOIN = " | "
"""Separator of cells in copied text."""


class _Slice(NamedTuple):
    """Drawn row: its row of the table, and the part of each cell that it shows."""

    line: int
    parts: tuple[tuple[int, int], ...]
    kind: Literal["cells", "rule", "heading", "cell", "gap"] = "cells"
    column: int = 0


class TableBlock(Block):
    """Table whose first row is the heading."""

    def __init__(
        self, cells: Sequence[Sequence[Content]], aligns: Sequence[Align], *, prefix: Prefix | None = None, gap: int = 1
    ) -> None:
        self.cells = cells
        self.aligns = aligns
        self.prefix = prefix or Prefix()
        self.gap = gap
        self._layouts: dict[int, tuple[list[int] | None, list[_Slice]]] = {}

    @cached_property
    def lines(self) -> Sequence[str]:
        return [JOIN.join(cell.plain for cell in row) for row in self.cells]

    @cached_property
    def _natural(self) -> list[int]:
        """Width of each column at which none of its cells wraps."""
        return [max(row[column].cell_length for row in self.cells) for column in range(len(self.aligns))]

    @cached_property
    def _least(self) -> list[int]:
        """Width of each column at which no word is broken, but for very long ones."""
        words = [
            [word for row in self.cells for word in row[column].plain.split()] for column in range(len(self.aligns))
        ]
        longest = [max(map(cell_len, column), default=1) for column in words]
        return [
            min(natural, max(NARROWEST, min(word, LONGEST_WORD)))
            for natural, word in zip(self._natural, longest, strict=True)
        ]

    def height(self, width: int) -> int:
        return len(self._layout(width)[1])

    def row(self, width: int, index: int) -> Row:
        widths, slices = self._layout(width)
        line, parts, kind, column = slices[index]
        prefix = fitted(self.prefix.rest if index else self.prefix.first, width)
        if kind == "gap":
            return Row((), line, prefix)
        if kind == "heading":
            heading = Content(JOIN).join(self.cells[0])[parts[0][0] : parts[0][1]]
            return Row((Piece(heading.stylize(styles.STRONG), parts[0][0]),), line, prefix)
        if widths is None or kind == "cell":
            return self._stacked(line, column, parts[0], prefix)
        if kind == "rule":
            rule = styles.CROSSING.join(styles.RULE * cells for cells in widths)
            return Row((Piece(Content.styled(rule, styles.FAINT)),), line, prefix)
        pieces: list[Piece] = []
        start = 0
        for column, (cell, cells) in enumerate(zip(self.cells[line], widths, strict=True)):
            if column:
                pieces.append(Piece(Content.styled(styles.COLUMN, styles.FAINT)))
            first, last = parts[column]
            text = cell[first:last]
            if line == 0:
                text = text.stylize(styles.STRONG)
            spare = cells - text.cell_length
            left = {"left": 0, "center": spare // 2, "right": spare}[self.aligns[column]]
            pieces += [Piece(Content(" " * left)), Piece(text, start + first), Piece(Content(" " * (spare - left)))]
            start += len(cell) + len(JOIN)
        return Row(tuple(pieces), line, prefix)

    def same(self, other: Block) -> bool:
        return (
            isinstance(other, TableBlock)
            and (self.gap, self.aligns) == (other.gap, other.aligns)
            and len(self.cells) == len(other.cells)
            and all(
                mine.is_same(theirs)
                for row, others in zip(self.cells, other.cells, strict=True)
                for mine, theirs in zip(row, others, strict=True)
            )
            and all(mine.is_same(theirs) for mine, theirs in zip(self.prefix, other.prefix, strict=True))
        )

    def _stacked(self, line: int, column: int, part: tuple[int, int], prefix: Content) -> Row:
        start = sum(len(cell) + len(JOIN) for cell in self.cells[line][:column])
        heading = self.cells[0][column].plain
        label = f"{heading}: " if part[0] == 0 and heading else "  "
        text = self.cells[line][column][part[0] : part[1]]
        return Row((Piece(Content.styled(label, styles.MUTED)), Piece(text, start + part[0])), line, prefix)

    def _layout(self, width: int) -> tuple[list[int] | None, list[_Slice]]:
        if (layout := self._layouts.get(width)) is None:
            room = width - fitted(self.prefix.rest, width).cell_length
            widths = self._widths(room)
            layout = widths, self._stack(room) if widths is None else self._grid(widths)
            if len(self._layouts) >= LAYOUTS:
                self._layouts.pop(next(iter(self._layouts)))
            self._layouts[width] = layout
        return layout

    def _widths(self, room: int) -> list[int] | None:
        """Return a width for every column; None when they do not fit side by side."""
        widths = [max(1, natural) for natural in self._natural]
        room -= len(styles.COLUMN) * (len(widths) - 1)
        least = [max(1, cells) for cells in self._least]
        if sum(least) > room:
            return None
        excess = sum(widths) - room
        while excess > 0:
            # The widest that can give first, down to the next widest: narrow columns keep their text in one line.
            giving = [index for index, cells in enumerate(widths) if cells > least[index]]
            widest = max(widths[index] for index in giving)
            those = [index for index in giving if widths[index] == widest]
            below = max((cells for cells in widths if cells < widest), default=0)
            step = max(1, min(widest - below, -(-excess // len(those))))
            for index in those:
                taken = min(step, excess, widths[index] - least[index])
                widths[index] -= taken
                excess -= taken
        return widths

    def _grid(self, widths: list[int]) -> list[_Slice]:
        slices: list[_Slice] = []
        for line, row in enumerate(self.cells):
            parts = [_parts(cell.plain, cells) for cell, cells in zip(row, widths, strict=True)]
            for index in range(max(len(part) for part in parts)):
                shown = tuple(
                    part[index] if index < len(part) else (len(cell), len(cell))
                    for part, cell in zip(parts, row, strict=True)
                )
                slices.append(_Slice(line, shown))
            if line == 0:
                slices.append(_Slice(0, (), "rule"))
        return slices

    def _stack(self, room: int) -> list[_Slice]:
        slices: list[_Slice] = []
        slices.extend(_Slice(0, (part,), "heading") for part in _parts(self.lines[0], max(2, room)))
        for line, row in enumerate(self.cells[1:], 1):
            slices.append(_Slice(line, (), "gap"))
            for column, cell in enumerate(row):
                label = self.cells[0][column].cell_length + 2
                parts = _parts(cell.plain, max(2, room - max(2, label)))
                slices.extend(_Slice(line, (part,), "cell", column) for part in parts)
        return slices


def _parts(text: str, width: int) -> list[tuple[int, int]]:
    edges = [0, *cuts(text, width), len(text)]
    return [(start, start + len(text[start:end].rstrip())) for start, end in pairwise(edges)]
