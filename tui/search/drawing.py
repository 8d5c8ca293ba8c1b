"""Drawing of a search result."""

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


def highlighted(snippet: str, style: str = "") -> Content:
    """Return a snippet with its matches highlighted; a match is what stands between the store's two marks."""
    parts: list[tuple[str, str]] = []
    end = 0
    for match in _MARKED.finditer(snippet):
        parts += [(snippet[end : match.start()], style), (match[1], f"{style} {MATCH}".strip())]
        end = match.end()
    parts.append((snippet[end:], style))
    return Content.assemble(*((clean(text, newlines=False), kind) for text, kind in parts if text))


def saved_line(name: str, text: str, width: int) -> Content:
    """Return the line of a saved search: its name, then its text."""
    shown = one_line(f"@{name}", width)
    rest = one_line(text, max(0, width - cell_len(shown) - 2))
    return Content.assemble((shown, "bold"), (f"  {rest}", QUIET))


def result_lines(hit: Hit, width: int, now: datetime, zone: tzinfo | None) -> Content:
    """Return two lines or more: conversation and time, then author and text."""
    time = long_when(hit.at, now, zone)
    title = (
        highlighted(hit.snippet, "bold")
        if hit.message_id is None
        else Content.styled(one_line(hit.session_title), "bold")
    )
    room = max(8, width - cell_len(time) - 2)
    first = Content.assemble(title.truncate(room, ellipsis=True, pad=True), (f"  {time}", QUIET))
    if hit.message_id is None:
        second = Content.styled("Conversation", QUIET)
    elif hit.is_attachment:
        second = Content.assemble(("Attachment: ", QUIET), highlighted(hit.snippet))
    else:
        author = {"user": "You", "assistant": "Reply", "system": "System"}.get(hit.role or "", "")
        text = hit.snippet if hit.role == "user" else without_marks(hit.snippet)
        second = Content.assemble((f"{author}{_why(hit)}: ", QUIET), highlighted(text))
    return Content("\n").join([first, second])


def _why(hit: Hit) -> str:
    """Return why a message was found that has not all the words."""
    if hit.why == "words":
        return ""
    return f" ({hit.why})" if hit.similarity is None else f" ({hit.why}, {hit.similarity:.0%})"
