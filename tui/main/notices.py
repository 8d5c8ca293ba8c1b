"""Placement of notices: at the lower edge while they fit under the prompt's text, else above the prompt.

In a short terminal they stand below the title: at the lower edge or above the prompt they would cover every hint.
"""

from __future__ import annotations

from typing import Any

from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets._toast import Toast, ToastRack

from ..prompt import Prompt
from .heading import Heading

MOST_ROWS = 6
"""Most rows of the screen that notices may cover."""


def place_notices(screen: Screen[Any]) -> None:
    """Move the notices of a screen so that no line of the prompt's text is under them."""
    try:
        rack, prompt = screen.get_child_by_type(ToastRack), screen.query_one(Prompt)
    except NoMatches:
        return
    if screen.has_class("-short"):
        edge, margin = "top", screen.query_one(Heading).region.bottom
        room = prompt.region.y - margin
    else:
        rows = min(MOST_ROWS, sum(toast.outer_size.height for toast in rack.query(Toast)))
        below = screen.size.height - prompt.content_region.bottom
        edge, margin = "bottom", screen.size.height - prompt.region.y if rows > below else 0
        room = screen.size.height - margin
    most = max(1, min(MOST_ROWS, room))
    limit, top, bottom = rack.styles.max_height, rack.styles.margin.top, rack.styles.margin.bottom
    if (rack.styles.dock, top + bottom, limit.value if limit else 0) != (edge, margin, most):
        rack.styles.dock = rack.styles.align_vertical = edge
        rack.styles.margin = (margin, 0, 0, 0) if edge == "top" else (0, 0, margin, 0)
        rack.styles.max_height = most
