"""Places of a text in one message: in its reasoning, in what it says, and in the names of its attachments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sterna.storage import Message

from ..markdown import Position

if TYPE_CHECKING:
    from .message_view import MessageView


@dataclass(frozen=True, slots=True)
class Place:
    """Place of a text in a message."""

    number: int
    count: int
    """Number of places in the message."""
    position: Position


def count_places(pattern: re.Pattern[str], *texts: str | None, message: Message | None = None) -> int:
    """Return how often these texts, and the names of what is attached to a message, have a text."""
    return sum(len(pattern.findall(text)) for text in texts if text) + len(_named(pattern, message))


def show_place(view: MessageView, pattern: re.Pattern[str], number: int) -> Place:
    """Show a place as the one on which the search stands, and return it; -1 is the last one.

    Places in folded reasoning come first, and unfold it; names of attachments come last.
    """
    folded = 0 if view.is_unfolded else count_places(pattern, view.reasoning.strip())
    named = _named(pattern, view.message)
    count = folded + len(view.document.matches(pattern)) + len(named)
    number = number % count if count else 0
    if number < folded:
        view.toggle_reasoning()
        folded = 0
    matches = view.document.matches(pattern)
    count = max(1, folded + len(matches) + len(named))
    number = min(number, count - 1)
    index = number - folded
    view.show_match(matches[index] if 0 <= index < len(matches) else None)
    if 0 <= index < len(matches):
        position = view.document.position_of(matches[index])
    elif len(matches) <= index < len(matches) + len(named):
        position = view.attachment_position(named[index - len(matches)])
    else:
        position = Position(0, 0, 0, 0)
    return Place(number, count, position)


def _named(pattern: re.Pattern[str], message: Message | None) -> list[int]:
    """Return which attachments of a message have the text in their names."""
    attachments = message.attachments if message is not None else ()
    return [at for at, item in enumerate(attachments) if pattern.search(item.name) is not None]
