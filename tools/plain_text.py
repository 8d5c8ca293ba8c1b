"""Text of servers and pages, made plain: no escape sequences, no control or invisible characters."""

from __future__ import annotations

import re

from sterna.storage import clean, one_line
from sterna.storage.text import storable

_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # colors, movements
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"  # titles, clipboard, links
    "|\x1b[ -/]*[0-~]"
)


PIECE = 65_536
"""Characters that are looked through at once: a search in a long text would hold up every thread."""


def plain(text: str) -> str:
    """Return ``text`` as it can be stored, shown and sent to a model."""
    if len(text) > PIECE:
        return "".join(plain(text[start : start + PIECE]) for start in range(0, len(text), PIECE))
    if not text.isascii() or "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return clean(storable(text))


def plain_line(text: str, limit: int) -> str:
    """Return ``text`` on one line, cut to ``limit`` characters."""
    return one_line(plain(text[: limit * 8 + 64]), limit)
