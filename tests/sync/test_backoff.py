"""Delays before anything is tried again."""

from __future__ import annotations

import random

import pytest

from sterna.sync.backoff import REFUSAL_MS, RETRY_MS, Backoff, spread


def test_the_limit_doubles_up_to_the_cap() -> None:
    assert [Backoff(5, 60).limit(failures) for failures in range(6)] == [5, 10, 20, 40, 60, 60]


def test_many_failures_cost_no_large_number() -> None:
    assert RETRY_MS.limit(10**9) == 300_000


def test_refusals_are_repeated_after_a_quarter_of_an_hour_to_six_hours() -> None:
    minutes = [REFUSAL_MS.limit(failures) / 60_000 for failures in range(7)]
    assert minutes == [15, 30, 60, 120, 240, 360, 360]


@pytest.mark.parametrize("failures", range(12))
def test_a_delay_is_anywhere_between_nothing_and_the_limit(failures: int) -> None:
    limit = RETRY_MS.limit(failures)
    delays = [RETRY_MS.delay(failures, random.Random(seed)) for seed in range(200)]
    assert all(0 <= delay <= limit for delay in delays)
    assert min(delays) < limit * 0.1
    assert max(delays) > limit * 0.9


def test_a_wait_that_was_asked_for_is_never_shortened() -> None:
    waits = [spread(60_000, random.Random(seed)) for seed in range(200)]
    assert all(60_000 <= wait <= 72_000 for wait in waits)
    assert len(set(waits)) > 150
