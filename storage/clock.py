"""Moments as the schema keeps them: UTC, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, fixed width so that text order is time
order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives the present, aware and in UTC. Passed in, so that tests own it."""

MILLISECOND = timedelta(milliseconds=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


def utc_now() -> datetime:
    """Return the system's time."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return ``moment`` as the schema stores it."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    )  # %Y is not padded by every C library


def parse(text: str) -> datetime:
    """Return the moment written in ``text``: in the schema's form, or any ISO 8601 form of the wire.

    Without a zone it is UTC. Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stored_time(text: str) -> datetime:
    """Return the moment that a stored time says, for showing it: it never fails and fits into every time zone.

    A damaged time is 1970, one at the edge of the calendar a day off it.
    """
    try:
        return min(max(parse(text), _EARLIEST), _LATEST)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return _EPOCH


def local_time(text: str) -> str:
    """Return a stored time in local time, to the minute."""
    return stored_time(text).astimezone().strftime("%Y-%m-%d %H:%M")


def millis(moment: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (moment - _EPOCH) // MILLISECOND
