"""Drawing of one conversation in the list: two lines of text with a mark in front of each, without any widget.

Everything that a colour says is also said by a sign or a word, and every sign has an ASCII form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from sterna.storage import ConversationSummary
from sterna.storage.text import one_line

from ..markdown.plain_text import without_marks
from ..terminal.output_filter import ascii_cell
from ..titles import UNTITLED

BEFORE = 3
"""Cells in front of the text: the bar, the mark, a space."""
AFTER = 1
"""Blank cells at the right."""
LONGEST = 300
"""Most characters of a title or preview that are drawn; more than any terminal is wide."""

StyleOf = Callable[[str], Style]
"""Return the style of a part, such as ``title``, ``strong``, ``quiet``, ``bar``, ``unread``, ``live`` or ``draft``."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Marks of the list, each one cell wide."""

    bar: str
    """Beside the opened conversation."""
    cursor: str
    unread: str
    live: str
    asks: str
    failed: str
    unsynced: str
    private: str
    pinned: str
    selected: str
    more: str
    """Ends a text that was cut."""


SIGNS = Signs(bar="▎", cursor="›", unread="●", live="○", asks="?", failed="✗", unsynced="↑", private="⌂", pinned="◆",
    selected="✓", more="…",
)  # fmt: skip
ASCII = Signs(bar="|", cursor=">", unread="*", live="~", asks="?", failed="x", unsynced="^", private="#", pinned="+",
    selected="v", more="..",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """State of a row in the list."""

    opened: bool = False
    cursor: bool = False
    selected: bool = False
    """One of several that the next command is for."""
    signed_in: bool = False
    asks: bool = False
    """A question waits in it for its answer."""


def cut(text: str, width: int, more: str = "…") -> str:
    """Return ``text`` in exactly ``width`` cells: filled with spaces, or cut and ended with ``more``."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width <= cell_len(more):
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - cell_len(more)).rstrip() + more, width)


@lru_cache(1024)
def shown(text: str, ascii_only: bool = False) -> str:
    """Return text of others as a list shows it."""
    line = one_line(text, LONGEST)
    return "".join(map(ascii_cell, line)) if ascii_only else line


def model_name(model: str) -> str:
    """Return the last part of a model's name: of ``openrouter/maker/name`` it is ``name``."""
    return model.rstrip("/").rpartition("/")[2] or model


def title_line(row: ConversationSummary, time: str, width: int, state: State, signs: Signs, style: StyleOf) -> Strip:
    """Draw the first line: title and time."""
    front = signs.cursor if state.cursor else signs.bar if state.opened else " "
    mark, kind = (signs.selected, "selected-mark") if state.selected else _mark(row, state, signs)
    weight = "strong" if state.opened or row.unread else "title"
    return _line(
        (front, style("bar")),
        (mark, style(kind)),
        shown(title_of(row), signs is ASCII),
        style(weight),
        time,
        style("quiet"),
        width,
        signs,
    )


def preview_line(row: ConversationSummary, width: int, state: State, signs: Signs, style: StyleOf) -> Strip:
    """Draw the second line: the newest text, and its state, tags or model."""
    front = signs.bar if state.opened else " "
    note, kind = _note(row, state)
    note = shown(note, signs is ASCII)
    part = 3 if note and note == shown(row.origin, signs is ASCII) else 2
    room = max(0, (width - BEFORE - AFTER) * part // 5)
    if cell_len(note) > room:
        note = cut(note, room, signs.more).rstrip()
    return _line(
        (front, style("bar")),
        _origin(row, state, signs, style),
        shown(without_marks(row.preview), signs is ASCII) or "no messages yet",
        style("quiet"),
        note,
        style(kind),
        width,
        signs,
    )


def title_of(row: ConversationSummary) -> str:
    """Return the title of a conversation; without one it goes by its question while the first reply arrives."""
    if not row.untitled:
        return row.title
    return row.preview if row.live and row.preview.strip() else UNTITLED


def _origin(row: ConversationSummary, state: State, signs: Signs, style: StyleOf) -> tuple[str, Style]:
    """Return the mark for a conversation that is private or not synced yet."""
    if row.private:
        return signs.private, style("quiet")
    return (signs.unsynced if row.unsynced and state.signed_in else " "), style("unsynced")


def _mark(row: ConversationSummary, state: State, signs: Signs) -> tuple[str, str]:
    if state.asks:
        return signs.asks, "draft"
    if row.live:
        return signs.live, "live"
    if row.failed:
        return signs.failed, "failed"
    if row.unread:
        return signs.unread, "unread"
    if row.pinned:
        return signs.pinned, "quiet"
    return " ", "quiet"


def _note(row: ConversationSummary, state: State) -> tuple[str, str]:
    if state.asks:
        return "asks you", "draft"
    if row.live:
        return ("waiting", "failed") if row.waiting else ("replying", "live")
    if row.failed:
        return "failed", "failed"
    if row.draft and not state.opened:
        return "draft", "draft"
    if row.private:
        return "private", "quiet"
    if row.tags:
        return " ".join(f"#{tag}" for tag in row.tags), "tag"
    if row.origin:
        return row.origin, "quiet"
    return (model_name(row.model) if row.model else ""), "quiet"


def _line(
    front: tuple[str, Style],
    mark: tuple[str, Style],
    left: str,
    left_style: Style,
    right: str,
    right_style: Style,
    width: int,
    signs: Signs,
) -> Strip:
    room = width - BEFORE - AFTER
    if right and room - cell_len(right) - 1 < 6:  # too narrow for both
        right = ""
    ending = f" {right}" if right else ""
    text = cut(left, room - cell_len(ending), signs.more)
    segments = [
        Segment(*front),
        Segment(*mark),
        Segment(" ", left_style),
        Segment(text, left_style),
        Segment(ending + " " * AFTER, right_style),
    ]
    return Strip(segments).adjust_cell_length(width, left_style)


def empty_texts(text: str, archived: int, problem: str, width: int) -> list[str]:
    """Return the lines of an empty list: of the filter ``text``, with what is wrong with it, or of everything."""
    if text:
        from textwrap import wrap  # a list is seldom empty

        return ["No matches.", *wrap(one_line(problem), max(width, 1))]
    return ["All are archived. Filter:", "is:archived"] if archived else ["No conversations yet."]
