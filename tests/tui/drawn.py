"""Documents as the text that a terminal would show, without an app."""

from __future__ import annotations

from functools import cache

from textual.markup import parse_style
from textual.style import Style

from sterna.tui.markdown import Document
from sterna.tui.markdown.rows import Drawing

VARIABLES = {"foreground": "#eeeeee", "surface": "#222222"} | {
    f"text-{name}": "#aaaaaa" for name in ("primary", "secondary", "accent", "warning", "error", "success")
}


@cache
def style_of(text: str | Style) -> Style:
    """What Textual's theme would make of a style."""
    return text if isinstance(text, Style) else parse_style(text, VARIABLES)


PLAIN = Drawing(Style(), style_of)


def rows(document: Document, width: int = 40) -> list[str]:
    """The rows of ``document``, each of exactly ``width`` cells; trailing blanks cut."""
    strips = [document.strip(width, y, PLAIN) for y in range(document.height(width))]
    assert {strip.cell_length for strip in strips} <= {width}
    return [strip.text.rstrip() for strip in strips]


def frame(document: Document, width: int = 40) -> str:
    """The rows of ``document`` as one text."""
    return "\n".join(rows(document, width))


def styles(document: Document, word: str, width: int = 60) -> list[Style]:
    """The styles in which segments that contain ``word`` are drawn."""
    found = []
    for y in range(document.height(width)):
        strip = document.strip(width, y, PLAIN)
        found += [Style.from_rich_style(part.style) for part in strip if word in part.text and part.style is not None]
    return found
