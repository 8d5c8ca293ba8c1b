"""List to choose from, with a bar beside the highlighted line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import OptionList

if TYPE_CHECKING:
    from textual._widget_navigation import Direction
    from textual.geometry import Size

BAR = "▌"
NARROWEST = 4
"""Width up to which a menu draws nothing."""


class Menu(OptionList):
    """Option list whose highlight is also a mark, so that it shows without colour."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"menu--bar"}

    DEFAULT_CSS = """
    Menu > .menu--bar {
        color: $primary;
        background: $block-cursor-background;
    }
    """

    def _update_lines(self) -> None:
        """Lay out nothing in a terminal so narrow that no text fits: wrapping at width 0 is an error."""
        if self.scrollable_content_region.width > NARROWEST:
            super()._update_lines()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the rows at a width; none where no text fits."""
        return super().get_content_height(container, viewport, width) if width > NARROWEST else 0

    def _move_page(self, direction: Direction) -> None:
        """Move by a page, where there is one: before the first layout, or where no line fits, there is none."""
        if self._lines:
            super()._move_page(direction)

    @property
    def _shows_bar(self) -> bool:
        """True while keys move the highlight: it has the focus, or (class ``-driven``) a field passes them on."""
        return self.highlighted is not None and (self.has_focus or self.has_class("-driven"))

    def render_line(self, y: int) -> Strip:
        """Draw a line; the first cell of the highlighted option is the bar."""
        strip = super().render_line(y)
        line = self.scroll_offset.y + y
        if not self._shows_bar or line >= len(self._lines) or self._lines[line][0] != self.highlighted:
            return strip
        return Strip([Segment(BAR, self.get_component_rich_style("menu--bar")), *strip.crop(1)])
