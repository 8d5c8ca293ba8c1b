"""Headings and times are those of the person's own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lists import SATURDAY

from sterna.storage import stamp
from sterna.tui.sidebar.days import grouped, headings, long_when, when

BERLIN = ZoneInfo("Europe/Berlin")


def under(at: datetime, now: datetime, zone: ZoneInfo | None = None) -> str:
    """The heading under which a moment stands."""
    text = stamp(at)
    return next((one.text for one in headings(now, text, zone or UTC) if one.since <= text), "none")


@pytest.mark.parametrize(
    ("at", "heading"),
    [
        ("2026-11-21T00:00", "Today"),
        ("2026-11-20T23:59", "Yesterday"),
        ("2026-11-19T12:00", "Thursday"),
        ("2026-11-15T00:00", "Sunday"),
        ("2026-11-14T23:59", "November 2026"),
        ("2026-10-31T23:59", "October 2026"),
        ("2024-02-29T12:00", "February 2024"),
        ("2027-01-01T00:00", "Today"),
    ],
)
def test_a_conversation_stands_under_the_day_or_month_it_was_in(at: str, heading: str) -> None:
    assert under(datetime.fromisoformat(at).replace(tzinfo=UTC), SATURDAY) == heading


def test_midnight_is_the_persons_not_greenwichs() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # half past midnight in Berlin
    assert under(late, SATURDAY, BERLIN) == "Today"
    assert when(stamp(late), SATURDAY, BERLIN) == "00:30"


def test_the_day_on_which_clocks_change_is_one_day() -> None:
    evening = datetime(2026, 10, 25, 21, 0, tzinfo=UTC)
    early = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # 00:30 in summer time of the same Sunday
    assert under(early, evening, BERLIN) == "Today"


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1))
)
def test_headings_fall_and_reach_back_to_the_oldest(one: datetime, other: datetime) -> None:
    oldest, now = sorted((one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)))
    bounds = headings(now, stamp(oldest), BERLIN)
    since = [bound.since for bound in bounds]
    assert since == sorted(since, reverse=True)
    assert len(set(since)) == len(since)
    assert len(bounds) < 620
    assert under(oldest, now, BERLIN) != "none" or len(bounds) > 600


@given(st.lists(st.integers(0, 50), min_size=8, max_size=8), st.integers(0, 400))
def test_no_row_is_lost_between_headings_even_when_counts_disagree(counts: list[int], total: int) -> None:
    bounds = headings(SATURDAY, None, UTC)
    groups = grouped(bounds, counts, total)
    assert sum(rows for _, rows in groups) == total
    assert all(rows >= 0 for _, rows in groups)


def test_times_are_as_short_as_they_can_be() -> None:
    def short(at: str, under_heading: bool = True) -> str:
        return when(f"{at}:00.000000Z", SATURDAY, UTC, under_heading=under_heading)

    assert short("2026-11-21T09:05") == "09:05"
    assert short("2026-11-17T09:05") == "09:05"
    assert short("2026-11-17T09:05", under_heading=False) == "Tue"
    assert short("2026-10-03T09:05") == "3 Oct"
    assert short("2024-10-03T09:05", under_heading=False) == "2024"
    assert when("yesterday", SATURDAY, UTC) == ""
    assert long_when("2026-11-17T09:05:00.000000Z", SATURDAY, UTC) == "Tue 09:05"
    assert long_when("2025-11-17T09:05:00.000000Z", SATURDAY, UTC) == "17 Nov 2025"
    assert long_when("0000-00-00T00:00:00.000000Z", SATURDAY, UTC) == ""
