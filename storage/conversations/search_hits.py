"""Results of a search."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from ..records import Role
from .search_snippets import around_words, marked

Why = Literal["words", "meaning", "meaning and words", "some words"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result."""

    session_id: str
    session_title: str
    message_id: str | None
    """None when the title matched."""
    role: Role | None
    snippet: str
    """Plain text; matches stand between U+0002 and U+0003, which ``clean`` has removed from everything else."""
    at: str
    is_attachment: bool = False
    """True where the name of an attachment matched, which is the snippet."""
    why: Why = "words"
    """How it was found: by all the words, by its meaning, by some of the words."""
    similarity: float | None = None
    """Nearness of its meaning to what was looked for, up to 1, where it was found by that."""
    start: int = 0
    """Where the part of the message begins by whose meaning it was found."""


def hit_of(row: sqlite3.Row, parts: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> Hit:
    """Return a row as a result, with ``parts`` and ``words`` marked in its snippet.

    Where the row has the ``whole`` text in place of a snippet, that is made of what stands around the words.
    """
    values = dict(row)
    text, whole = values.pop("snippet"), values.pop("whole", None)
    if whole is not None:
        text = around_words(whole, words)
    snippet = marked(text, parts)
    return Hit(session_title=values.pop("title"), snippet=snippet, **values)
