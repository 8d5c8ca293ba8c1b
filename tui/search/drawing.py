"""How a search result looks."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from rich.cells import cell_len
from textual.content import Content

from sterna.storage import Hit
from sterna.storage.text import clean, one_line

from ..markdown.plain_text import without_marks
from ..sidebar.days import long_when

MATCH = "bold underline $primary"
QUIET = "$foreground 75%"

_MARKED = re.compile("\x02([^\x02\x03]*)\x03")


def marked(snippet: str, style: str = "") -> Content:
    """A snippet with its matches highlighted; what stands between the store's two marks is a match."""
    parts: list[tuple[str, str]] = []
    end = 0
    for found in _MARKED.finditer(snippet):
        parts += [(snippet[end : found.start()], style), (found[1], f"{style} {MATCH}".strip())]
        end = found.end()
    parts.append((snippet[end:], style))
    return Content.assemble(*((clean(text, newlines=False), look) for text, look in parts if text))


def shown(hit: Hit, width: int, now: datetime, zone: tzinfo | None) -> Content:
    """Two lines or more: the conversation and when; who said what."""
    when = long_when(hit.at, now, zone)
    title = (
        marked(hit.snippet, "bold") if hit.message_id is None else Content.styled(one_line(hit.session_title), "bold")
    )
    room = max(8, width - cell_len(when) - 2)
    first = Content.assemble(title.truncate(room, ellipsis=True, pad=True), (f"  {when}", QUIET))
    who = {"user": "You", "assistant": "Reply", "system": "System"}.get(hit.role or "", "")
    if hit.message_id is None:
        second = Content.styled("Conversation", QUIET)
    else:
        second = Content.assemble(
            (f"{who}: ", QUIET), marked(hit.snippet if hit.role == "user" else without_marks(hit.snippet))
        )
    return Content("\n").join([first, second])
