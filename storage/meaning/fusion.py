"""Reciprocal rank fusion: one order out of several, each of which counts by the places that it gives alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

SMOOTHING = 60
"""Constant of the method: the larger, the less the first places count more than those behind them."""


def fused(*rankings: Iterable[T]) -> list[T]:
    """Return everything that is in one of the rankings, what several of them place high first."""
    scores: dict[T, float] = defaultdict(float)
    for ranking in rankings:
        for place, item in enumerate(ranking, start=1):
            scores[item] += 1 / (SMOOTHING + place)
    return sorted(scores, key=lambda item: -scores[item])
