"""What comes back when drawn text is selected: the text as it was written."""

from __future__ import annotations

from drawn import PLAIN
from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection
from textual.style import Style

from sterna.tui import markdown

SOURCE = """A paragraph that wraps.

- one item that wraps
- two

```py
if x:
    y
```

| a | b |
|---|---|
| c | d |"""
TEXT = "A paragraph that wraps.\n\none item that wraps\ntwo\n\nif x:\n    y\n\na | b\nc | d"


def offset_at(document: markdown.Document, width: int, x: int, y: int) -> Offset:
    """The place that Textual finds under cell ``x`` of row ``y``."""
    cell, last = 0, Offset(0, 0)
    for segment in document.strip(width, y, PLAIN):
        offset = segment.style.meta.get("offset") if segment.style is not None else None
        if offset is not None:
            last = Offset(offset[0] + len(segment.text), offset[1])
            if cell <= x < cell + segment.cell_length:
                return Offset(offset[0] + x - cell, offset[1])
        cell += segment.cell_length
    return last


def test_everything_selected_is_the_text_without_wraps_and_glyphs() -> None:
    document = markdown.render(SOURCE)
    assert document.extract(SELECT_ALL) == TEXT == document.text


def test_a_drag_over_wrapped_rows_gives_one_line() -> None:
    document = markdown.render(SOURCE)
    start, end = offset_at(document, 12, 2, 0), offset_at(document, 12, 4, 1)
    assert document.extract(Selection.from_offsets(start, end)) == "paragraph that"


def test_a_drag_from_a_paragraph_into_code_keeps_the_lines_between() -> None:
    document = markdown.render(SOURCE)
    row = next(y for y in range(document.height(40)) if "y" in document.strip(40, y, PLAIN).text.split())
    start, end = offset_at(document, 40, 12, 0), offset_at(document, 40, 6, row)
    assert (
        document.extract(Selection.from_offsets(start, end))
        == "that wraps.\n\none item that wraps\ntwo\n\nif x:\n    y"
    )


def test_a_drag_may_begin_in_a_blank_row() -> None:
    document = markdown.render("one\n\ntwo")
    assert offset_at(document, 20, 5, 1) == Offset(0, 1)
    assert document.extract(Selection(Offset(0, 1), None)) == "\ntwo"


def test_the_selected_characters_are_marked_wherever_they_are_drawn() -> None:
    document = markdown.render("alpha beta gamma")
    drawing = PLAIN._replace(selection=Selection(Offset(6, 0), Offset(10, 0)), selection_style=Style(reverse=True))
    marked = [
        segment.text
        for y in range(document.height(8))
        for segment in document.strip(8, y, drawing)
        if segment.style is not None and segment.style.reverse
    ]
    assert "".join(marked) == "beta"


def test_a_row_is_found_again_at_another_width() -> None:
    document = markdown.render(SOURCE * 3)
    for wide in range(document.height(60)):
        place = document.position(60, wide)
        assert document.row_of(60, place) == wide
        narrow = document.row_of(14, place)
        assert document.position(14, narrow).block == place.block
