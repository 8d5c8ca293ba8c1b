"""Titles of conversations that nobody has named."""

from __future__ import annotations

UNTITLED = "New conversation"

DEFAULT_TITLE = "New Chat"
"""Title in the file of a conversation without a name."""


def display_title(title: str) -> str:
    """Return a title in the words of the screen, which has its own for the default one."""
    return UNTITLED if title == DEFAULT_TITLE else title
