"""Times of other programs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo

_MILLISECONDS_FROM = 1e11
_MICROSECONDS_FROM = 1e14
_NANOSECONDS_FROM = 1e17


def moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """Return a time in UTC, or None when ``value`` is none.

    Takes seconds, milliseconds, microseconds and nanoseconds since 1970 (told apart by their size), also as text, and
    ISO 8601 text, in ``zone`` where it names none. 0, negative numbers, NaN, years beyond 9999 and anything else are no
    time.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _in_utc(value, zone)
    if isinstance(value, str):
        text = value.strip()
        try:
            return moment(float(text))
        except ValueError:
            pass
        try:
            return _in_utc(datetime.fromisoformat(text), zone)
        except (ValueError, OverflowError):
            return None
    if not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    for limit, divisor in ((_NANOSECONDS_FROM, 1e9), (_MICROSECONDS_FROM, 1e6), (_MILLISECONDS_FROM, 1e3)):
        if seconds >= limit:
            seconds = seconds / divisor
            break
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def naive_moment(value: object) -> datetime | None:
    """Return :func:`moment` of a time that its program wrote in the local zone of this machine."""
    local = datetime.now().astimezone().tzinfo
    return moment(value, local if local is not None else UTC)


def _in_utc(value: datetime, zone: tzinfo) -> datetime | None:
    try:
        return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
