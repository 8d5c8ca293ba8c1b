"""Schedule of cycles."""

from __future__ import annotations

import random

import pytest

from sterna.sync.scheduler import Scheduler

MS = 1_700_000_000_000


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(random.Random(1))


def test_nothing_is_due_before_it_is_requested(scheduler: Scheduler) -> None:
    assert scheduler.due(100.0, MS) is None


def test_a_change_is_sent_after_a_second_of_quiet(scheduler: Scheduler) -> None:
    scheduler.note_change(100.0)
    assert scheduler.due(100.0, MS) == 1.0
    scheduler.note_change(100.5)
    assert scheduler.due(100.5, MS) == 1.0
    assert scheduler.due(101.5, MS) == 0.0
    assert scheduler.take(101.5) is False
    assert scheduler.due(101.5, MS) is None


def test_changes_that_keep_coming_are_delayed_by_ten_seconds_at_most(scheduler: Scheduler) -> None:
    for tenth in range(200):
        scheduler.note_change(100.0 + tenth / 10)
    assert scheduler.due(109.5, MS) == 0.5
    assert scheduler.due(110.0, MS) == 0.0


def test_the_earliest_request_counts(scheduler: Scheduler) -> None:
    scheduler.request(100.0, after=60.0)
    scheduler.request(100.0, after=20.0)
    scheduler.request(100.0, after=300.0)
    assert scheduler.due(100.0, MS) == 20.0
    assert scheduler.take(119.0) is False
    assert scheduler.take(120.0) is True
    assert scheduler.due(120.0, MS) is None


def test_a_return_of_the_network_is_spread_over_five_seconds() -> None:
    delays = set()
    for seed in range(50):
        scheduler = Scheduler(random.Random(seed))
        scheduler.request(100.0, within=5.0)
        delays.add(scheduler.due(100.0, MS))
    assert all(delay is not None and 0 <= delay <= 5 for delay in delays)
    assert len(delays) > 40


def test_a_pause_delays_changes_and_loses_none(scheduler: Scheduler) -> None:
    scheduler.pause_for(100.0, MS, 60_000, by_server=True)
    assert scheduler.due(100.0, MS) is None
    scheduler.note_change(100.0)
    scheduler.request(100.0)
    scheduler.resume(100.0, MS)
    assert scheduler.due(100.0, MS) == 60.0
    assert scheduler.due(160.0, MS + 60_000) == 0.0
    assert scheduler.pause is None


def test_a_retry_can_be_brought_forward(scheduler: Scheduler) -> None:
    scheduler.pause_for(100.0, MS, 60_000, by_server=False)
    scheduler.request(100.0)
    scheduler.resume(100.0, MS, within=5.0)
    assert 0.0 < (scheduler.due(100.0, MS) or 0.0) < 5.0
    scheduler.resume(100.0, MS)
    assert scheduler.due(100.0, MS) == 0.0


def test_a_clock_that_jumps_back_does_not_make_a_pause_longer(scheduler: Scheduler) -> None:
    scheduler.pause_for(100.0, MS, 60_000, by_server=True)
    scheduler.request(100.0)
    assert scheduler.due(160.0, MS - 86_400_000 * 365) == 0.0


def test_sleep_of_the_computer_counts_towards_a_pause(scheduler: Scheduler) -> None:
    scheduler.pause_for(100.0, MS, 60_000, by_server=True)
    scheduler.request(100.0)
    assert scheduler.due(101.0, MS + 3_600_000) == 0.0


def test_a_pause_of_an_earlier_process_continues(scheduler: Scheduler) -> None:
    scheduler.restore(5.0, MS, MS + 200_000, longest_retry_ms=300_000)
    assert scheduler.pause is not None
    assert not scheduler.pause.by_server
    scheduler.restore(5.0, MS, MS + 900_000, longest_retry_ms=300_000)
    assert scheduler.pause.by_server
    assert scheduler.pause_left(5.0, MS) == 900.0


@pytest.mark.parametrize("next_at", [None, MS, MS - 1, MS + 8 * 86_400_000])
def test_a_stored_pause_that_is_over_or_implausible_is_ignored(scheduler: Scheduler, next_at: int | None) -> None:
    scheduler.restore(5.0, MS, next_at, longest_retry_ms=300_000)
    assert scheduler.pause is None
