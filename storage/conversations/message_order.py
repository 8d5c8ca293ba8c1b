"""Times for messages that come in an array, so that the order of the array is the order in which they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(minutes=1)


def in_array_order(times: Sequence[datetime | None], now: datetime) -> list[datetime]:
    """Return a time for each message of an array, in its order.

    One without a time takes that of the nearest before it that has one, else of the nearest after it, else ``now``. Of
    several with the same time, each is a microsecond after the one before it.
    """
    nearest = next((at for at in times if at is not None), now)
    seen: Counter[datetime] = Counter()
    spread = []
    for at in times:
        nearest = nearest if at is None else at
        spread.append(min(nearest, _LAST) + seen[nearest] * MICROSECOND)
        seen[nearest] += 1
    return spread
