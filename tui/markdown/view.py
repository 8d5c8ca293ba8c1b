"""Widget that shows one document and draws only its visible rows."""

from __future__ import annotations

import re

from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from ..terminal import textual_fixes as textual_fixes  # sizes that change before the widget is idle
from .document import Document
from .rows import Drawing, Match


class DocumentView(Widget):
    """Shows a :class:`Document`, whose text can be selected with the mouse.

    A ``Static`` would draw every row of a long text to show forty of them, and could not give back what is selected.
    """

    DEFAULT_CSS = """
    DocumentView {
        height: auto;
    }
    """

    search_pattern: re.Pattern[str] | None = None
    """Words to be highlighted."""
    current_match: Match | None = None
    """The one of them on which the search stands."""

    def __init__(self, document: Document, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._document = document

    @property
    def document(self) -> Document:
        """Document on the screen; setting it draws anew, and lays out anew if the height changes."""
        return self._document

    @document.setter
    def document(self, document: Document) -> None:
        width = self.text_width(self.size.width) if self.size.width else 0
        is_resized = not width or document.height(width) != self._document.height(width)
        self._document = document
        self.refresh(layout=is_resized)

    def text_width(self, width: int) -> int:
        """Return the cells that the document gets in a widget of ``width``."""
        return width

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._document.height(width) if width else 0

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if not 0 <= y < self._document.height(width):
            return Strip.blank(width, self.visual_style.rich_style)
        return self._document.strip(width, y, self.drawing())

    def drawing(self) -> Drawing:
        """Return what rows need to be drawn in this widget."""
        selection = self.text_selection
        style = None
        if selection is not None:
            style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
        return Drawing(self.visual_style, self._get_style, selection, style, self.search_pattern, self.current_match)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return self._document.extract(selection), "\n"
