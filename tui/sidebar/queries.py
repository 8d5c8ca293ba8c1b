"""What the list reads from the store: one call brings counts, places and the rows in view, all of the same moment.

Rows move while a person looks at them: a reply settles, another terminal writes. So a reading names *anchors*, rows
that were in view and where; the first of them that did not move by itself keeps its line on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from sterna.storage import SessionRow, Store

from .days import grouped, headings
from .line_map import ROW_LINES, Lines

PAGE = 64
"""Rows read at once."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row that was in view."""

    id: str
    at: str
    """Its time then: a row whose time changed has moved by itself."""
    offset: int
    """Its first line, counted from the top of the view."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the list wants to know."""

    text: str
    now: datetime
    zone: tzinfo | None
    height: int
    """Lines in view."""
    top: int
    """First line in view, for want of an anchor."""
    anchors: tuple[Anchor, ...] = ()
    cursor_id: str | None = None
    cursor: int = 0
    """Row of the cursor, for want of its conversation."""
    reveal: bool = False
    """The cursor must be in view."""


@dataclass(frozen=True, slots=True)
class View:
    """What the list shows."""

    text: str
    lines: Lines
    top: int
    cursor: int
    cursor_found: bool
    """The conversation of the cursor is in the list."""
    pages: dict[int, list[SessionRow]] = field(default_factory=dict)


def read_view(store: Store, ask: Ask) -> View:
    """Everything for one picture of the list, read in the store's thread."""
    count = store.conversations.count(ask.text)
    lines = Lines([("", count)] if ask.text else _groups(store, ask, count))
    position = store.conversations.position(ask.cursor_id, ask.text) if ask.cursor_id else None
    cursor = max(0, min(position if position is not None else ask.cursor, lines.rows - 1))
    top = _top(store, ask, lines)
    if ask.reveal and lines.rows:
        top = revealed(lines, cursor, top, ask.height)
    top = max(0, min(top, lines.height - ask.height))
    seen = lines.within(top, ask.height)
    pages = {page: store.conversations.page(page * PAGE, PAGE, ask.text) for page in pages_of(seen)}
    return View(ask.text, lines, top, cursor, position is not None, pages)


def revealed(lines: Lines, row: int, top: int, height: int) -> int:
    """The first line in view once a row, with the heading over it, has been brought in view by the shortest way."""
    first, end = lines.top_of(row), lines.line_of(row) + ROW_LINES
    if first < top:
        return first
    return max(top, end - height)


def pages_of(rows: range) -> range:
    """The pages that hold these rows."""
    return range(rows.start // PAGE, (rows.stop - 1) // PAGE + 1) if rows else range(0)


def _groups(store: Store, ask: Ask, count: int) -> list[tuple[str, int]]:
    if not count:
        return []
    oldest = store.conversations.page(count - 1, 1)
    bounds = headings(ask.now, oldest[0].at if oldest else None, ask.zone)
    return grouped(bounds, store.conversations.groups([bound.since for bound in bounds]), count)


def _top(store: Store, ask: Ask, lines: Lines) -> int:
    for anchor in ask.anchors:
        place = store.conversations.position(anchor.id, ask.text)
        if place is None or place >= lines.rows:
            continue
        rows = store.conversations.page(place, 1, ask.text)
        if rows and rows[0].id == anchor.id and rows[0].at == anchor.at:
            return lines.line_of(place) - anchor.offset
    return ask.top
