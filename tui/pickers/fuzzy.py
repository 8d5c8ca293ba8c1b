"""Matching what a person half remembers, in time that grows with the text alone.

Textual's own matcher tries every way to place the letters: forty of the same letter in a long name and it never ends.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """How well a text matches, and where."""

    score: float
    """From 0 to 1."""
    places: tuple[int, ...]
    """Characters of the text that were asked for."""


def match(query: str, text: str) -> Match | None:
    """Each word of the query must be in the text: where a word begins, inside one, or letter by letter in order."""
    folded = _fold(text)
    places: set[int] = set()
    total = 0.0
    words = _fold(query).split()
    for word in words:
        found = _word(word, folded)
        if found is None:
            return None
        score, where = found
        total += score
        places.update(where)
    if not words:
        return Match(0.0, ())
    nearly_all = len(places) / max(1, len(text))
    return Match(total / len(words) * 0.9 + nearly_all * 0.1, tuple(sorted(places)))


def _word(word: str, text: str) -> tuple[float, range | list[int]] | None:
    first = text.find(word)
    if first >= 0:
        at = first
        while at >= 0:
            if at == 0 or not text[at - 1].isalnum():
                return (1.0 if at == 0 else 0.95), range(at, at + len(word))
            at = text.find(word, at + 1)
        return 0.8, range(first, first + len(word))
    where: list[int] = []
    at = -1
    for letter in word:
        at = text.find(letter, at + 1)
        if at < 0:
            return None
        where.append(at)
    spread = where[-1] - where[0] + 1
    return 0.6 * len(word) / spread, where


def _fold(text: str) -> str:
    """Lower case, letter for letter, so that places stay places."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
