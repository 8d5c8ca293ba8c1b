"""Exponential back-off with jitter: the delays before anything in this room is tried again."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double with each failure, up to a cap. ``first``, ``longest`` and the results share one unit."""

    first: float
    longest: float

    def limit(self, failures: int) -> float:
        """Return the longest delay after ``failures`` failures in a row."""
        return min(self.longest, math.ldexp(self.first, min(failures, 20)))

    def delay(self, failures: int, rng: random.Random) -> int:
        """Return a random delay between 0 and :meth:`limit`, so that clients do not return all at once."""
        return int(rng.uniform(0, self.limit(failures)))


RETRY_MS = Backoff(1_000, 5 * MINUTE_MS)
"""Back-off after a request without a usable response."""
REFUSAL_MS = Backoff(15 * MINUTE_MS, 6 * HOUR_MS)
"""Back-off after a server has refused the account as a whole."""


def spread(wait_ms: int, rng: random.Random) -> int:
    """Return ``wait_ms``, up to a fifth longer: clients with the same wait do not return all at once."""
    return int(wait_ms * rng.uniform(1.0, 1.2))
