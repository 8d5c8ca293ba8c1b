"""Texts as 384 numbers, so that a question can be compared with earlier ones.

Built in, offline, the same on every machine: words, pairs of words and the pieces of words are counted into 384 places
by their hash. It finds the same thing said in nearly the same words, also with another ending or a typing mistake; it
knows nothing of meaning.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log, sqrt
from typing import Final
from zlib import crc32

DIMENSIONS: Final = 384
LONGEST: Final = 4_000
"""Characters that are looked at: what a long paste is about is said at its beginning or its end, and both are."""

WORD = re.compile(r"\w+")
PIECE: Final = 3
ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s)$")
"""Of English words, which count the same without it."""
LIGHT: Final = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be but by can could did do does for from had has have how i if in into is it its me my not
        of on or our please should so some tell than that the their them then there these they this to us was we were
        what when where which who why will with would you your""",
    )
)
"""English words that say little of what a question is about."""


def embed(text: str) -> array[float]:
    """384 float32 of length one; all zero for a text without words."""
    sums = [0.0] * DIMENSIONS
    for (name, worth), often in Counter(_features(text)).items():
        code = crc32(name.encode("utf-8", "replace"))
        sums[code % DIMENSIONS] += worth * (1 + log(often)) * (1 if code & 0x8000_0000 else -1)
    length = sqrt(sum(number * number for number in sums))
    return array("f", (number / length for number in sums) if length else sums)


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two embeddings: 1 for the same words, about 0 for others."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def _features(text: str) -> Iterator[tuple[str, float]]:
    shown = text if len(text) <= LONGEST else text[: LONGEST // 2] + " " + text[-LONGEST // 2 :]
    words = [(word if word in LIGHT else ENDING.sub("", word)) for word in WORD.findall(shown.casefold())]
    for word in words:
        if word in LIGHT:
            yield word, 0.15
            continue
        yield word, 1.0
        framed = f"<{word}>"
        for at in range(len(framed) - PIECE + 1):
            yield "#" + framed[at : at + PIECE], 0.35
    for first, second in pairwise(words):
        if not (first in LIGHT and second in LIGHT):
            yield f"{first} {second}", 0.3
