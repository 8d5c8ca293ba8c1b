"""Embeddings of texts with 384 dimensions, for comparing a question with earlier ones.

Computed offline, with the same result on every computer: words, pairs of words and parts of words are hashed into 384
dimensions. This finds questions in similar words, also with another ending or a typing error; it does not understand
meaning.
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
MAX_LENGTH: Final = 4_000
"""Characters that are used, half of them from the beginning and half from the end of a longer text."""

WORD = re.compile(r"\w+")
NGRAM: Final = 3
ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s)$")
"""Endings of English words that are removed."""
STOP_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be but by can could did do does for from had has have how i if in into is it its me my not
        of on or our please should so some tell than that the their them then there these they this to us was we were
        what when where which who why will with would you your""",
    )
)
"""Common English words, which count less."""


def embed(text: str) -> array[float]:
    """Return a unit vector of 384 float32; all zero for a text without words."""
    sums = [0.0] * DIMENSIONS
    for (feature, weight), count in Counter(_features(text)).items():
        code = crc32(feature.encode("utf-8", "replace"))
        sums[code % DIMENSIONS] += weight * (1 + log(count)) * (1 if code & 0x8000_0000 else -1)
    length = sqrt(sum(number * number for number in sums))
    return array("f", (number / length for number in sums) if length else sums)


def similarity(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the cosine similarity of two embeddings: 1 for the same words, about 0 for unrelated ones."""
    return sum(a * b for a, b in zip(first, second, strict=True))


def _features(text: str) -> Iterator[tuple[str, float]]:
    sample = text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH // 2] + " " + text[-MAX_LENGTH // 2 :]
    words = [(word if word in STOP_WORDS else ENDING.sub("", word)) for word in WORD.findall(sample.casefold())]
    for word in words:
        if word in STOP_WORDS:
            yield word, 0.15
            continue
        yield word, 1.0
        padded = f"<{word}>"
        for start in range(len(padded) - NGRAM + 1):
            yield "#" + padded[start : start + NGRAM], 0.35
    for first, second in pairwise(words):
        if not (first in STOP_WORDS and second in STOP_WORDS):
            yield f"{first} {second}", 0.3
