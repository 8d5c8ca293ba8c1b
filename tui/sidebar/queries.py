"""Queries of the list: one call reads counts, positions and the rows in view, all of the same moment.

Rows move while they are on the screen: a reply settles, another process writes. So a query names *anchors*, rows that
were in view and on which line; the first of them that did not move by itself keeps its line on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from sterna.storage import ConversationSummary, Store

from .days import grouped, headings
from .line_map import ROW_LINES, Lines

PAGE = 64
"""Rows read at once."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Row that was in view."""

    id: str
    at: str
    """Time of the row then: one whose time changed has moved by itself."""
    offset: int
    """First line of the row, counted from the top of the view."""


@dataclass(frozen=True, slots=True)
class Query:
    """Part of the list to read."""

    text: str
    now: datetime
    zone: tzinfo | None
    height: int
    """Lines in view."""
    top: int
    """First line in view, where no anchor is left."""
    anchors: tuple[Anchor, ...] = ()
    cursor_id: str | None = None
    cursor: int = 0
    """Row of the cursor, where its conversation is gone."""
    reveal: bool = False
    """Bring the cursor into view."""


@dataclass(frozen=True, slots=True)
class View:
    """Content of the list."""

    text: str
    lines: Lines
    top: int
    cursor: int
    cursor_found: bool
    """True when the conversation of the cursor is in the list."""
    pages: dict[int, list[ConversationSummary]] = field(default_factory=dict)
    archived: int = 0
    """Archived conversations, if the list is empty for them."""
    problem: str = ""
    """Sentence about what is wrong with the filter, if nothing is found."""


def read_view(store: Store, query: Query) -> View:
    """Read everything for one drawing of the list, in the store's thread."""
    count = store.conversations.count(query.text)
    lines = Lines([("", count)] if query.text else _groups(store, query, count))
    position = store.conversations.position(query.cursor_id, query.text) if query.cursor_id else None
    cursor = max(0, min(position if position is not None else query.cursor, lines.rows - 1))
    top = _top(store, query, lines)
    if query.reveal and lines.rows:
        top = revealed(lines, cursor, top, query.height)
    top = max(0, min(top, lines.height - query.height))
    seen = lines.within(top, query.height)
    pages = {page: store.conversations.page(page * PAGE, PAGE, query.text) for page in pages_of(seen)}
    archived = 0 if count or query.text else store.conversations.total()
    problem = store.search_problems.of_filter(query.text) if query.text and not count else ""
    return View(query.text, lines, top, cursor, position is not None, pages, archived, problem)


def revealed(lines: Lines, row: int, top: int, height: int) -> int:
    """Return the first line in view after the smallest scroll that shows a row with the heading over it."""
    first, end = lines.top_of(row), lines.line_of(row) + ROW_LINES
    if first < top:
        return first
    return max(top, end - height)


def pages_of(rows: range) -> range:
    """Return the numbers of the pages that hold these rows."""
    return range(rows.start // PAGE, (rows.stop - 1) // PAGE + 1) if rows else range(0)


def _groups(store: Store, query: Query, count: int) -> list[tuple[str, int]]:
    if not count:
        return []
    pinned = store.conversations.pinned()
    oldest = store.conversations.page(count - 1, 1)
    bounds = headings(query.now, oldest[0].at if oldest else None, query.zone)
    days = grouped(bounds, store.conversations.groups([bound.since for bound in bounds]), count - pinned)
    return [("Pinned", pinned), *days]


def _top(store: Store, query: Query, lines: Lines) -> int:
    for anchor in query.anchors:
        row = store.conversations.position(anchor.id, query.text)
        if row is None or row >= lines.rows:
            continue
        rows = store.conversations.page(row, 1, query.text)
        if rows and rows[0].id == anchor.id and rows[0].at == anchor.at:
            return lines.line_of(row) - anchor.offset
    return query.top
