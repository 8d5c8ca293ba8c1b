"""Blocks of a document.

A block knows its height at any width without drawing anything, and draws any one of its rows alone: a message of 10 MB
costs what is visible of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

from rich._wrap import divide_line
from textual.content import Content

from . import styles
from .rows import NOTHING, Piece, Row

TEXT_WIDTH = 104
"""Widest line of prose: in a wider one the eye loses its way back. Code and tables take the whole width."""
LEAST = 6
"""Fewest cells that text gets, whatever its indentation."""
LAYOUTS = 2
"""Widths whose layout a block keeps. Two, since a scroll bar that comes and goes needs both in turn."""


class Prefix(NamedTuple):
    """Decoration left of a block: bars, bullets, indentation."""

    first: Content = NOTHING
    rest: Content = NOTHING
    gap: Content = NOTHING
    """Decoration of the blank rows before the block."""


def fitted(prefix: Content, width: int) -> Content:
    """Return ``prefix``, cut so that at least ``LEAST`` cells of ``width`` are left."""
    room = max(0, width - LEAST)
    return prefix if prefix.cell_length <= room else prefix.truncate(room)


def cuts(text: str, width: int) -> list[int]:
    """Return where one logical line breaks to fit ``width`` cells: between words, else inside them."""
    if len(text) <= width and text.isascii():
        return []
    return divide_line(text, width)


class Block(ABC):
    """Part of a document that takes whole rows."""

    gap: int = 1
    """Blank rows before the block, unless it is the first."""
    prefix: Prefix = Prefix()
    flush: bool = False
    """True for no blank rows before the next block, whatever its gap."""

    @property
    @abstractmethod
    def lines(self) -> Sequence[str]:
        """Text in logical lines, as it is copied; empty for decoration."""

    @abstractmethod
    def height(self, width: int) -> int:
        """Return the number of rows at ``width`` cells."""

    @abstractmethod
    def row(self, width: int, index: int) -> Row:
        """Return row ``index`` (0-based) at ``width`` cells."""

    def same(self, other: Block) -> bool:
        """Return whether ``other`` draws the same, so that one may replace the other."""
        return self is other


class TextBlock(Block):
    """Text that wraps between words."""

    def __init__(
        self, content: Content, *, prefix: Prefix | None = None, gap: int = 1, limit: int = TEXT_WIDTH
    ) -> None:
        self.content = content
        self.prefix = prefix or Prefix()
        self.gap = gap
        self.limit = limit
        self._layouts: dict[int, list[tuple[int, int, int]]] = {}

    @property
    def lines(self) -> Sequence[str]:
        return self._lines

    @cached_property
    def _lines(self) -> list[str]:
        return self.content.plain.split("\n")

    @cached_property
    def _contents(self) -> list[Content]:
        return self.content.split("\n", allow_blank=True)

    def height(self, width: int) -> int:
        return len(self._layout(width))

    def row(self, width: int, index: int) -> Row:
        line, start, end = self._layout(width)[index]
        prefix = fitted(self.prefix.rest if index else self.prefix.first, width)
        return Row((Piece(self._contents[line][start:end], start),), line, prefix)

    def same(self, other: Block) -> bool:
        return (
            isinstance(other, TextBlock)
            and self.gap == other.gap
            and self.limit == other.limit
            and self.content.is_same(other.content)
            and all(mine.is_same(theirs) for mine, theirs in zip(self.prefix, other.prefix, strict=True))
        )

    def _layout(self, width: int) -> list[tuple[int, int, int]]:
        """Return logical line, start and end of every row."""
        if (layout := self._layouts.get(width)) is not None:
            return layout
        indent = max(fitted(self.prefix.first, width).cell_length, fitted(self.prefix.rest, width).cell_length)
        room = max(1, min(width, self.limit) - indent)
        layout = []
        for line, text in enumerate(self._lines):
            edges = [0, *cuts(text, room), len(text)]
            for start, end in pairwise(edges):
                layout.append((line, start, start + len(text[start:end].rstrip())))
        if len(self._layouts) >= LAYOUTS:
            self._layouts.pop(next(iter(self._layouts)))
        self._layouts[width] = layout
        return layout


class Note(TextBlock):
    """Text that belongs to the drawing, not to the document: it wraps, but is not part of what is selected."""

    def __init__(self, content: Content, *, gap: int = 1, flush: bool = False) -> None:
        super().__init__(content, gap=gap)
        self.flush = flush

    @property
    def lines(self) -> Sequence[str]:
        return ()

    def row(self, width: int, index: int) -> Row:
        row = super().row(width, index)
        return row._replace(pieces=tuple(Piece(piece.content) for piece in row.pieces), line=0)


class HugeText(Block):
    """Text too large to wrap between words: broken every so many characters, which takes no reading of it."""

    def __init__(self, text: str, *, prefix: Prefix | None = None) -> None:
        self._lines = text.expandtabs(8).split("\n")
        self.prefix = prefix or Prefix()
        self._ends: dict[int, list[int]] = {}

    @property
    def lines(self) -> Sequence[str]:
        return self._lines

    def height(self, width: int) -> int:
        return self._layout(width)[-1]

    def row(self, width: int, index: int) -> Row:
        ends = self._layout(width)
        line = bisect_right(ends, index)
        step = self._step(self.lines[line], width)
        start = (index - (ends[line - 1] if line else 0)) * step
        return Row(
            (Piece(Content(self.lines[line][start : start + step]), start),), line, fitted(self.prefix.rest, width)
        )

    def _step(self, line: str, width: int) -> int:
        room = max(2, width - fitted(self.prefix.rest, width).cell_length)
        return room if line.isascii() else room // 2  # no character takes more than two cells

    def _layout(self, width: int) -> list[int]:
        """Return for every logical line the row after its last."""
        if (ends := self._ends.get(width)) is None:
            self._ends.clear()
            ends = list(accumulate(max(1, -(-len(line) // self._step(line, width))) for line in self.lines))
            self._ends[width] = ends
        return ends


class RuleBlock(Block):
    """Thematic break."""

    lines: Sequence[str] = ()

    def __init__(self, *, prefix: Prefix | None = None) -> None:
        self.prefix = prefix or Prefix()

    def height(self, width: int) -> int:
        return 1

    def row(self, width: int, index: int) -> Row:
        prefix = fitted(self.prefix.first, width)
        rule = styles.RULE * (min(width, TEXT_WIDTH) - prefix.cell_length)
        return Row((Piece(Content.styled(rule, styles.FAINT)),), 0, prefix)
