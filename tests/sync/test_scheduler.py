"""When the messenger talks to the server next."""

from __future__ import annotations

import random

import pytest

from sterna.sync.scheduler import Agenda

MS = 1_700_000_000_000


@pytest.fixture
def agenda() -> Agenda:
    return Agenda(random.Random(1))


def test_nothing_is_due_before_something_wants_it(agenda: Agenda) -> None:
    assert agenda.due(100.0, MS) is None


def test_a_change_is_sent_after_a_second_of_quiet(agenda: Agenda) -> None:
    agenda.changed(100.0)
    assert agenda.due(100.0, MS) == 1.0
    agenda.changed(100.5)
    assert agenda.due(100.5, MS) == 1.0
    assert agenda.due(101.5, MS) == 0.0
    assert agenda.take(101.5) is False
    assert agenda.due(101.5, MS) is None


def test_changes_that_keep_coming_are_held_for_ten_seconds_at_most(agenda: Agenda) -> None:
    for tenth in range(200):
        agenda.changed(100.0 + tenth / 10)
    assert agenda.due(109.5, MS) == 0.5
    assert agenda.due(110.0, MS) == 0.0


def test_what_is_asked_for_first_counts(agenda: Agenda) -> None:
    agenda.ask(100.0, after=60.0)
    agenda.ask(100.0, after=20.0)
    agenda.ask(100.0, after=300.0)
    assert agenda.due(100.0, MS) == 20.0
    assert agenda.take(119.0) is False
    assert agenda.take(120.0) is True
    assert agenda.due(120.0, MS) is None


def test_a_return_of_the_network_is_spread_over_five_seconds() -> None:
    found = set()
    for seed in range(50):
        agenda = Agenda(random.Random(seed))
        agenda.ask(100.0, within=5.0)
        found.add(agenda.due(100.0, MS))
    assert all(one is not None and 0 <= one <= 5 for one in found)
    assert len(found) > 40


def test_a_pause_holds_changes_back_and_loses_none(agenda: Agenda) -> None:
    agenda.hold(100.0, MS, 60_000, wish=True)
    assert agenda.due(100.0, MS) is None
    agenda.changed(100.0)
    agenda.ask(100.0)
    agenda.resume(100.0, MS)
    assert agenda.due(100.0, MS) == 60.0
    assert agenda.due(160.0, MS + 60_000) == 0.0
    assert agenda.pause is None


def test_a_try_that_was_put_off_comes_sooner_when_there_is_reason(agenda: Agenda) -> None:
    agenda.hold(100.0, MS, 60_000, wish=False)
    agenda.ask(100.0)
    agenda.resume(100.0, MS, within=5.0)
    assert 0.0 < (agenda.due(100.0, MS) or 0.0) < 5.0
    agenda.resume(100.0, MS)
    assert agenda.due(100.0, MS) == 0.0


def test_a_clock_that_jumps_back_does_not_make_a_pause_longer(agenda: Agenda) -> None:
    agenda.hold(100.0, MS, 60_000, wish=True)
    agenda.ask(100.0)
    assert agenda.due(160.0, MS - 86_400_000 * 365) == 0.0


def test_a_computer_that_slept_does_not_wait_again_for_what_it_slept_through(agenda: Agenda) -> None:
    agenda.hold(100.0, MS, 60_000, wish=True)
    agenda.ask(100.0)
    assert agenda.due(101.0, MS + 3_600_000) == 0.0


def test_the_pause_of_an_earlier_process_goes_on(agenda: Agenda) -> None:
    agenda.restore(5.0, MS, MS + 200_000, longest_try=300_000)
    assert agenda.pause is not None
    assert not agenda.pause.wish
    agenda.restore(5.0, MS, MS + 900_000, longest_try=300_000)
    assert agenda.pause.wish
    assert agenda.paused(5.0, MS) == 900.0


@pytest.mark.parametrize("next_at", [None, MS, MS - 1, MS + 8 * 86_400_000])
def test_a_pause_that_is_over_or_makes_no_sense_is_none(agenda: Agenda, next_at: int | None) -> None:
    agenda.restore(5.0, MS, next_at, longest_try=300_000)
    assert agenda.pause is None
