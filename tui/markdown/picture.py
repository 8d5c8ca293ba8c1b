"""Picture between the blocks of a document: rows of coloured cells, which are no text."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from .blocks import Block
from .rows import Piece, Row


class PictureBlock(Block):
    """Rows that are drawn as they are, cut where the window is narrower."""

    lines: Sequence[str] = ()

    def __init__(self, rows: Sequence[Content], *, gap: int = 0) -> None:
        self._rows = rows
        self.gap = gap

    def height(self, width: int) -> int:
        return len(self._rows)

    def row(self, width: int, index: int) -> Row:
        return Row((Piece(self._rows[index].truncate(width)),))
