"""Similarity that texts have which have nothing to do with each other: below it, nothing is a result.

It is another for every model, so it is measured, with sentences about unlike things.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, pstdev

from .embedder import Embedder, EmbedderError

SENTENCES = (
    "The train to the coast leaves at half past six.",
    "Knead the dough and let it rise for an hour.",
    "This function returns the sum of a list of numbers.",
    "She plays the violin in a small orchestra.",
    "The court decided that the contract was not valid.",
    "Water the tomatoes early in the morning.",
    "The patient should take two tablets a day.",
    "Our team won the match in the last minute.",
    "Restart the router if the connection is lost.",
    "The moon is about four hundred thousand kilometres away.",
    "My grandmother grew up in a village in the mountains.",
    "Interest rates rose by a quarter of a percent.",
    "Sort the table by the date column and remove duplicates.",
    "Whales breathe air and feed their young with milk.",
    "Please write a friendly answer to this complaint.",
    "The old bridge was closed because of the flood.",
    "He bought a blue jacket and a pair of boots.",
    "Translate this paragraph into French.",
    "The novel tells of two brothers and their quarrel.",
    "Charge the battery before you use the drill.",
)
DEVIATIONS = 2.5
FALLBACK = 0.2
"""The similarity for a model that knows too few of these words."""


async def measure(embedder: Embedder) -> tuple[int, float]:
    """Return how many numbers a vector has, and the similarity that means nothing. Raises EmbedderError."""
    vectors = [array("f", raw) for raw in await embedder.embed(SENTENCES) if raw]
    if not vectors:
        raise EmbedderError("The model knows no word of English, so it cannot be used.")
    similarities = [_similarity(one, other) for one, other in combinations(vectors, 2)]
    if len(similarities) < len(SENTENCES):
        return len(vectors[0]), FALLBACK
    return len(vectors[0]), min(0.9, fmean(similarities) + DEVIATIONS * pstdev(similarities))


def _similarity(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
