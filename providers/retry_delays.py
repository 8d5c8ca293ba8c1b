"""Delays before a provider is asked again."""

from __future__ import annotations

import random

from .events import Failed, FailureKind

REPEATED = frozenset((408, 425, 429, 500, 502, 503, 504, 529))
"""Statuses of refusals that may be over soon."""
KINDS = (FailureKind.RATE_LIMIT, FailureKind.SERVER, FailureKind.TIMEOUT)
FIRST_WAIT = 1.0
"""Seconds before the first repetition where the provider names no time; each further wait is twice as long."""
LONGEST_WAIT = 60.0
"""Seconds that are waited at most: who is told to wait longer decides for themselves."""


def wait_before(repetition: int, status: int, failure: Failed) -> float | None:
    """Return the seconds to wait before repetition number ``repetition``, from 1; None if it is not to be repeated."""
    if status not in REPEATED or failure.kind not in KINDS:
        return None
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= LONGEST_WAIT else None
    return retry_delay(repetition - 1, FIRST_WAIT, LONGEST_WAIT)


def retry_delay(failures: int, first: float, longest: float) -> float:
    """Return ``first`` seconds, doubled for each of ``failures``, ``longest`` at most, more or less by up to a fifth.

    What many programs ask is not asked by all of them at once.
    """
    return min(first * 2.0 ** min(failures, 20), longest) * random.uniform(0.8, 1.2)
