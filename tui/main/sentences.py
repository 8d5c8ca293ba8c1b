"""Sentences of the main screen that are made from counts and titles."""

from __future__ import annotations

from collections.abc import Sequence

from sterna.storage.text import one_line

from ..counts import counted
from ..titles import display_title

LONGEST_TITLE = 40


def quoted(title: str, limit: int = LONGEST_TITLE) -> str:
    """Return a title in quotation marks."""
    return f"“{one_line(display_title(title), limit)}”"


def drafts_left(count: int) -> str:
    """Say how many drafts of closed windows there are."""
    drafts = f"{counted(count, 'more unsent draft')} {'is' if count == 1 else 'are'}"
    return f"{drafts} saved. The next window you open shows the newest."


def removed_elsewhere(count: int, newest: str, key: str, *, in_steps: bool) -> str:
    """Say that another device removed conversations; with ``in_steps`` the key restores them one after the other."""
    what = f"{quoted(newest)} was" if count == 1 else f"{counted(count, 'conversation')} were"
    order = ", newest first" if in_steps else ""
    return f"{what} removed on another device. {key} restores {'it' if count == 1 else 'them'}{order}."


def labels_restored(conversations: int, newest: str) -> str:
    """Say that an undo has changed labels back."""
    what = quoted(newest) if conversations == 1 else counted(conversations, "conversation")
    return f"Labels of {what} are as before."


def settings_restored(title: str) -> str:
    """Say that an undo has changed settings of a conversation back."""
    return f"The settings of {quoted(title)} are as before."


def taken_back(passages: Sequence[object], key: str) -> str:
    """Say that a message which was not sent is in the prompt again, and what of it is not."""
    without = f" It is without the passages of your history: {key} asks with them." if passages else ""
    return f"Took the message back.{without}"


def restored(conversations: int, title: str, *, is_reply: bool = False) -> str:
    """Say what an undo has brought back; ``is_reply``: what was shown before an edit, a fork or a new reply."""
    if conversations == 1:
        return f"Restored {quoted(title)}."
    if conversations:
        return f"Restored {counted(conversations, 'conversation')}."
    return "Undone." if is_reply else "Restored the message."
