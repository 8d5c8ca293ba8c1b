"""Document beside a gutter, in which a bar shows that it is selected; rows that did not change are drawn once."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from ..markdown import Document, DocumentView, Position
from .row_cache import RowCache

BAR = "▌ "
GUTTER = len(BAR)
MARGIN = 1


class GutterView(DocumentView):
    """View whose text stands between a gutter and a margin.

    These are not padding, because a drag that begins in a widget's padding is given a wrong place by Textual.
    """

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._cache = RowCache()

    def draw_again(self) -> None:
        """Draw every row anew, after something that the cache does not know has changed."""
        self._cache.clear()
        self.refresh()

    def text_width(self, width: int) -> int:
        """Return the cells that the document gets in a widget of ``width``."""
        return max(1, width - GUTTER - MARGIN)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._document.height(self.text_width(width)) if width else 0

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the rows of ``crop``, from the cache where possible. Nothing here has a border or padding."""
        if not self.is_attached:  # it is being removed, and the previous layout still has it
            return [Strip.blank(crop.width)] * crop.height
        if self.hover_style.link_id:
            return super().render_lines(crop)
        state = (self.size.width, self.drawing(), self.has_class("-selected"), self.app.theme)
        strips = [self._row(y, state) for y in crop.line_range]
        _, background = self.background_colors
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _row(self, y: int, state: Hashable) -> Strip:
        room = self.text_width(self.size.width)
        if not 0 <= y < self._document.height(room):
            return self.render_line(y)
        index, row = self._document.block_at(room, y)
        block, line = self._document.blocks[index], self._document.first_line(index)
        return self._cache.strip(state, block, row, line, partial(self.render_line, y))

    def notify_style_update(self) -> None:
        self._cache.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        room = self.text_width(width)
        base = self.visual_style.rich_style
        if not 0 <= y < self._document.height(room):
            return Strip.blank(width, base)
        style = self._get_style("$primary") if self.has_class("-selected") else self.visual_style
        bar = (
            Segment(BAR, (self.visual_style + style).rich_style) if self.has_class("-selected") else Segment("  ", base)
        )
        strip = self._document.strip(room, y, self.drawing())
        return Strip([bar, *strip]).adjust_cell_length(width, base)

    def position(self, row: int, width: int) -> Position:
        """Return the position that row ``row`` shows when the widget is ``width`` cells wide."""
        return self._document.position(self.text_width(width), row)

    def row_of(self, position: Position, width: int) -> int:
        """Return the row that shows ``position`` when the widget is ``width`` cells wide."""
        return self._document.row_of(self.text_width(width), position)
