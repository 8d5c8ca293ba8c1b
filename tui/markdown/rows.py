"""Row of a drawn document, and its conversion to a strip.

A row is made of pieces. A piece of text knows where it stands in its *logical* line, the line as it was written; every
drawn segment carries that place, so a mouse selection comes back as the text that was written: without the breaks that
the width of the window made, and without bullets, bars and labels, which are pieces without a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from rich.segment import Segment
from textual.content import Content
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style

from . import styles

GetStyle = Callable[[str | Style], Style]
NOTHING = Content("")


class Piece(NamedTuple):
    """Part of a row."""

    content: Content
    x: int | None = None
    """Index of its first character in the logical line; None for decoration."""


class Row(NamedTuple):
    """Row of a block."""

    pieces: tuple[Piece, ...] = ()
    line: int = 0
    """Logical line of its block that it shows (a part of)."""
    prefix: Content = NOTHING
    """Bars and bullets at its left, outside the fill."""
    fill: str = ""
    """Style under the rest of the row."""
    edge: int = 0
    """Cell where the fill ends; 0 for the edge of the document."""

    @property
    def x(self) -> int:
        """Index in the logical line at which the row begins."""
        return next((piece.x for piece in self.pieces if piece.x is not None), 0)


class Match(NamedTuple):
    """Place in a document that a search found."""

    line: int
    """Logical line of the whole text."""
    start: int
    end: int


class Drawing(NamedTuple):
    """Properties of the widget that draws the rows."""

    style: Style
    get_style: GetStyle
    selection: Selection | None = None
    selection_style: Style | None = None
    search_pattern: re.Pattern[str] | None = None
    """Words to be highlighted."""
    current_match: Match | None = None
    """The one of them on which the search stands."""


def draw(row: Row, width: int, line: int, drawing: Drawing) -> Strip:
    """Draw ``row`` as exactly ``width`` cells, selectable as logical line ``line`` of the whole text."""
    base = drawing.style
    segments = [Segment(text, style.rich_style) for text, style in _runs(row.prefix, base, drawing)]
    if row.fill:
        base = base + drawing.get_style(row.fill)
    for content, x in row.pieces:
        if x is None:
            segments += [Segment(text, style.rich_style) for text, style in _runs(content, base, drawing)]
            continue
        for text, style in _runs(_highlighted(content, x, line, drawing), base, drawing):
            segments.append(Segment(text, style.rich_style_with_offset(x, line)))
            x += len(text)
    if not any(piece.x is not None for piece in row.pieces):
        # No cells, but a place: a selection can begin or end in an empty row.
        segments.append(Segment("", base.rich_style_with_offset(0, line)))
    strip = Strip(segments)
    if row.edge and strip.cell_length <= row.edge < width:
        strip = strip.adjust_cell_length(row.edge, base.rich_style)
        base = drawing.style
    return strip.adjust_cell_length(width, base.rich_style)


def _runs(content: Content, base: Style, drawing: Drawing) -> list[tuple[str, Style]]:
    return list(content.render(base, end="", parse_style=drawing.get_style))


def _highlighted(content: Content, x: int, line: int, drawing: Drawing) -> Content:
    if drawing.search_pattern is not None:
        content = content.highlight_regex(drawing.search_pattern, style=styles.MATCH)
    if (match := drawing.current_match) is not None and match.line == line:
        start, end = max(0, match.start - x), min(len(content), match.end - x)
        content = content.stylize(styles.CURRENT_MATCH, start, end) if start < end else content
    if drawing.selection is None or drawing.selection_style is None:
        return content
    if (span := drawing.selection.get_span(line)) is None:
        return content
    start, end = span
    start = max(0, start - x)
    end = len(content) if end == -1 else min(len(content), end - x)
    return content.stylize(drawing.selection_style, start, end) if start < end else content
