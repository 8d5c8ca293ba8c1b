"""Headings by day: Today, Yesterday, weekdays within a week, then months. Local time, in English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sterna.storage import parse, stamp

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip

WEEK = 7
"""Days with a heading of their own, today among them."""
MOST_MONTHS = 600
"""Most headings of months; what is older stands under the last."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Heading and the first moment that stands under it."""

    text: str
    since: str
    """Stored form of a time; descending from heading to heading."""


def local(moment: datetime, zone: tzinfo | None) -> datetime:
    """Return a moment in local time; ``zone`` None is the system's."""
    return moment.astimezone(zone)


def headings(now: datetime, oldest: str | None, zone: tzinfo | None = None) -> list[Heading]:
    """Return the headings from today back to the day of the oldest conversation."""
    today = local(now, zone).date()
    names = ["Today", "Yesterday"]
    result = []
    for back in range(WEEK):
        day = today - timedelta(back)
        result.append(Heading(names[back] if back < len(names) else WEEKDAYS[day.weekday()], _midnight(day, zone)))
    last = _day(oldest, zone) or today
    month = (today - timedelta(WEEK)).replace(day=1)
    for _ in range(MOST_MONTHS):
        result.append(Heading(f"{MONTHS[month.month - 1]} {month.year}", _midnight(month, zone)))
        if month <= last or month.year <= 1:
            break
        month = (month - timedelta(1)).replace(day=1)
    return result


def grouped(bounds: list[Heading], counts: list[int], total: int) -> list[tuple[str, int]]:
    """Return headings with the number of rows under each, from the rows since each; the last takes the rest."""
    groups = []
    before = 0
    for index, (heading, since) in enumerate(zip(bounds, counts, strict=True)):
        until = total if index == len(bounds) - 1 else min(max(since, before), total)
        groups.append((heading.text, until - before))
        before = until
    return groups


def when(at: str, now: datetime, zone: tzinfo | None = None, *, under_heading: bool = True) -> str:
    """Return a time for a row, in at most six cells: the hour, the day, or the year.

    Under a heading that names the day the hour is enough.
    """
    try:
        moment = local(parse(at), zone)
    except (ValueError, OverflowError):
        return ""
    today = local(now, zone).date()
    ago = (today - moment.date()).days
    if ago <= 0 or (under_heading and ago < WEEK):
        return f"{moment.hour:02}:{moment.minute:02}"
    if ago < WEEK:
        return WEEKDAYS[moment.weekday()][:3]
    if under_heading or ago < 300:
        return f"{moment.day} {MONTHS[moment.month - 1][:3]}"
    return str(moment.year)


def long_when(at: str, now: datetime, zone: tzinfo | None = None) -> str:
    """Return a time for a search result: ``14:05``, ``Thu 14:05``, ``12 Oct`` or ``12 Oct 2024``."""
    try:
        moment = local(parse(at), zone)
    except (ValueError, OverflowError):
        return ""
    today = local(now, zone).date()
    ago = (today - moment.date()).days
    hour = f"{moment.hour:02}:{moment.minute:02}"
    if ago <= 0:
        return hour
    if ago < WEEK:
        return f"{WEEKDAYS[moment.weekday()][:3]} {hour}"
    day = f"{moment.day} {MONTHS[moment.month - 1][:3]}"
    return day if moment.year == today.year else f"{day} {moment.year}"


def _day(at: str | None, zone: tzinfo | None) -> date | None:
    try:
        return local(parse(at), zone).date() if at else None
    except (ValueError, OverflowError):
        return None


def _midnight(day: date, zone: tzinfo | None) -> str:
    try:
        begin = datetime.combine(day, time.min)
        return stamp(begin.astimezone() if zone is None else begin.replace(tzinfo=zone))
    except (ValueError, OverflowError):  # the first day there is, east of Greenwich
        return stamp(datetime.min.replace(tzinfo=UTC))
