"""Times for messages of an array, so that sorting by time keeps the order of the array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(minutes=1)


def in_array_order(times: Sequence[datetime | None]) -> Sequence[datetime | None]:
    """Return a time for each message of an array, in order; None for all if no message has one.

    A message without a time gets the time of the nearest one before it, else of the nearest one after it. Messages of
    the same time follow each other at intervals of a microsecond.
    """
    nearest = next((at for at in times if at is not None), None)
    if nearest is None or (None not in times and len(set(times)) == len(times)):
        return times  # without any time, or with a distinct one each
    seen: Counter[datetime] = Counter()
    spread = []
    for at in times:
        nearest = nearest if at is None else at
        spread.append(min(nearest, _LAST) + seen[nearest] * MICROSECOND)
        seen[nearest] += 1
    return spread
