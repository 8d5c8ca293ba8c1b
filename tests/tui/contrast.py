"""Contrast of what a screen shows, measured on its rendered cells as WCAG 2 defines it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import dim_color
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

TEXT, CONTROL = 4.5, 3.0
"""Least contrast of text, and of borders, marks and focus."""

Paint = tuple[str, Color, Color]
"""Character, foreground and background of a cell."""


class Cell(NamedTuple):
    """One drawn character."""

    widget: Widget
    x: int
    y: int
    text: str
    foreground: Color
    background: Color

    @property
    def contrast(self) -> float:
        """Ratio of its two colours."""
        return ratio(self.foreground, self.background)

    @property
    def is_text(self) -> bool:
        """True for letters, digits and punctuation; marks, arrows, boxes and blocks are graphics."""
        return unicodedata.category(self.text)[0] in "LNP" and self.text not in "·…›‹•"


@cache
def luminance(color: Color) -> float:
    """Return the relative luminance of a colour, from 0 to 1."""
    parts = [part / 255 for part in color.rgb]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: Color, other: Color) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def cells(app: App[int]) -> Iterator[Cell]:
    """Yield every cell of the active screen that holds a glyph, without the dimmed page behind a dialog."""
    screen: Screen[object] = app.screen
    own = _own_colors(screen)
    for y, strip in _drawn(screen, range(screen.size.height)):
        x = 0
        for text, style, control in strip:
            if control:
                continue
            for character in text:
                if not character.isspace() and x < screen.size.width:
                    widget, _ = screen.get_widget_at(x, y)
                    if widget is not screen or screen is screen.app.screen_stack[0]:
                        yield Cell(widget, x, y, character, *_colors(style or Style(), own))
                x += max(0, cell_len(character))


def too_faint(app: App[int]) -> list[str]:
    """Return a line for every run of glyphs whose contrast is too low."""
    runs: dict[tuple[str, int, str, str], list[Cell]] = {}
    for cell in cells(app):
        if round(cell.contrast, 2) < (TEXT if cell.is_text else CONTROL):
            key = (type(cell.widget).__name__, cell.y, cell.foreground.hex, cell.background.hex)
            runs.setdefault(key, []).append(cell)
    return [
        f"{name} line {y}: {''.join(cell.text for cell in run)!r} {front} on {back} is {run[0].contrast:.2f}"
        for (name, y, front, back), run in runs.items()
    ]


def painted(app: App[int], widget: Widget) -> dict[tuple[int, int], Paint]:
    """Return what the cells of one widget show."""
    region, own = widget.region, _own_colors(app.screen)
    found: dict[tuple[int, int], Paint] = {}
    for y, strip in _drawn(app.screen, range(max(0, region.y), min(region.bottom, app.screen.size.height))):
        x = 0
        for text, style, _ in strip:
            colors = _colors(style or Style(), own)
            for character in text:
                if region.x <= x < region.right:
                    found[x, y] = (character, *colors)
                x += max(0, cell_len(character))
    return found


def difference(one: dict[tuple[int, int], Paint], other: dict[tuple[int, int], Paint]) -> float:
    """Return the strongest contrast between two states of the same cells: what tells them apart for an eye."""
    best = 1.0
    for place in one.keys() & other.keys():
        (text, front, back), (text2, front2, back2) = one[place], other[place]
        best = max(best, ratio(back, back2))
        if text == text2 and not text.isspace():
            best = max(best, ratio(front, front2))
        elif text != text2:
            best = max(best, *(ratio(a, b) for t, a, b in (one[place], other[place]) if not t.isspace()))
    return best


def _drawn(screen: Screen[object], lines: range) -> Iterator[tuple[int, Strip]]:
    """Yield some lines of the screen as they are drawn now; the other lines are not drawn."""
    crop = Region(0, lines.start, screen.size.width, len(lines))
    chops = screen._compositor._render_chops(crop, lines.__contains__)
    for y in lines:
        yield y, Strip.join(chops[y].values())


def _own_colors(screen: Screen[object]) -> tuple[Color, Color]:
    """Return foreground and background where a style names none."""
    return screen.styles.color, screen.background_colors[1]


@cache
def _colors(style: Style, own: tuple[Color, Color]) -> tuple[Color, Color]:
    front = Color.from_rich_color(style.color) if style.color else own[0]
    back = Color.from_rich_color(style.bgcolor) if style.bgcolor else own[1]
    if style.reverse:
        front, back = back, front
    if style.dim:
        front = Color.from_rich_color(dim_color(back.rich_color, front.rich_color))
    return front, back
