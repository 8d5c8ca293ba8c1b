"""Fuzzy matching, in time that grows with the text alone.

Textual's own matcher tries every way to place the letters: with forty of the same letter in a long name it never ends.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """Score and positions of a match."""

    score: float
    """From 0 to 1."""
    positions: tuple[int, ...]
    """Indexes of the matching characters."""


def match(query: str, text: str) -> Match | None:
    """Match each word of the query: at the beginning of a word, inside one, or letter by letter in order."""
    folded = _fold(text)
    positions: set[int] = set()
    total = 0.0
    words = _fold(query).split()
    for word in words:
        match_of_word = _word(word, folded)
        if match_of_word is None:
            return None
        score, indexes = match_of_word
        total += score
        positions.update(indexes)
    if not words:
        return Match(0.0, ())
    coverage = len(positions) / max(1, len(text))
    return Match(total / len(words) * 0.9 + coverage * 0.1, tuple(sorted(positions)))


def _word(word: str, text: str) -> tuple[float, range | list[int]] | None:
    first = text.find(word)
    if first >= 0:
        at = first
        while at >= 0:
            if at == 0 or not text[at - 1].isalnum():
                return (1.0 if at == 0 else 0.95), range(at, at + len(word))
            at = text.find(word, at + 1)
        return 0.8, range(first, first + len(word))
    indexes: list[int] = []
    at = -1
    for letter in word:
        at = text.find(letter, at + 1)
        if at < 0:
            return None
        indexes.append(at)
    spread = indexes[-1] - indexes[0] + 1
    return 0.6 * len(word) / spread, indexes


def _fold(text: str) -> str:
    """Return lower case, letter for letter, so that indexes stay the same."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
