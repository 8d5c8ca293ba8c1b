"""Placement of notices: at the lower edge while they fit under the prompt's text, else above the prompt."""

from __future__ import annotations

from typing import Any

from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets._toast import Toast, ToastRack

from ..prompt import Prompt

MOST_ROWS = 6
"""Most rows of the screen that notices may cover."""


def place_notices(screen: Screen[Any]) -> None:
    """Move the notices of a screen so that no line of the prompt's text is under them."""
    try:
        rack, prompt = screen.get_child_by_type(ToastRack), screen.query_one(Prompt)
    except NoMatches:
        return
    rows = min(MOST_ROWS, sum(toast.outer_size.height for toast in rack.query(Toast)))
    below = screen.size.height - prompt.content_region.bottom
    margin = screen.size.height - prompt.region.y if rows > below else 0
    most = max(1, min(MOST_ROWS, screen.size.height - margin))
    limit = rack.styles.max_height
    if rack.styles.margin.bottom != margin or limit is None or limit.value != most:
        rack.styles.margin = (0, 0, margin, 0)
        rack.styles.max_height = most
