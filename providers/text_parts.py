"""Parts of a message: the meaning of a long text is that of its parts, each of which gets a vector."""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 1_000
"""Characters of a part."""
MOST = 32
BREAKS = ("\n\n", "\n", ". ", " ")
"""Where a text is cut, best first."""


def parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield beginning and text of each part, of the first ones of a very long text."""
    start = count = 0
    while count < MOST:
        start += len(text[start : start + LONGEST]) - len(text[start : start + LONGEST].lstrip())
        piece = text[start : start + LONGEST]
        if not piece.strip():
            return
        if len(text) - start > LONGEST:
            cut = next((at for mark in BREAKS if (at := piece.rfind(mark, LONGEST // 2)) > 0), len(piece) - 1)
            piece = piece[: cut + 1]
        yield start, piece.rstrip()
        start += len(piece)
        count += 1
