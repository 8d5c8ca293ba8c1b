"""When a history is synced, how failures are waited out, and what is said meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from engines import Core, Machine, forget, learnt, machines, problem
from fake_time import until

from sterna.storage import Conversations, Privacy, Store, StoreFull, SyncMetadata
from sterna.sync.errors import CannotReach, SignInNeeded, SyncDisabled
from sterna.sync.protocol.effects import CrashPoint, CycleResult, Effect, Progress, Transaction, Unreachable

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "account.db"
    learnt(found, NOWHERE, caps="")  # no listening to a server
    return found


@pytest.fixture
async def start(path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with machines(path, NOWHERE, interval=1e6) as one:
        yield one


async def settled(machine: Machine, cycles: int) -> None:
    """So many cycles ran, and nothing runs now."""
    await until(lambda: machine.cycles == cycles and not machine.engine._cycle_lock.locked())


async def quiet(machine: Machine) -> None:
    """Wait until it has handled all events and done its work."""
    await until(lambda: not machine.engine._wake.is_set() and not machine.engine._cycle_lock.locked())


async def sleeps(machine: Machine, seconds: float) -> None:
    """Something waits for so many seconds now."""
    await until(lambda: any(abs(nap - seconds) < 0.001 for nap in machine.time.sleeping))


async def test_a_history_is_synced_when_the_program_starts(start: Callable[..., Any]) -> None:
    machine = await start()
    assert machine.phase == "syncing"  # before it is known, nothing is said to be in step
    await settled(machine, 1)
    assert machine.phase == "synced"
    assert machine.engine.report.at_ms == int(machine.time.wall * 1000)
    assert machine.session.checked == [(NOWHERE, "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f")]
    assert machine.core.fences == [1]


async def test_a_change_is_sent_after_a_second_of_quiet(start: Callable[..., Any]) -> None:
    machine = await start()
    await settled(machine, 1)
    seen = len(machine.reports)
    await machine.write()
    await until(lambda: machine.phase == "waiting")
    assert machine.engine.report.waiting == 1
    await sleeps(machine, 1.0)
    assert machine.cycles == 1
    machine.time.advance(1.0)
    await settled(machine, 2)
    await until(lambda: machine.phase == "synced" and machine.engine.report.waiting == 0)
    assert [one.phase for one in machine.reports[seen:]] == ["waiting", "syncing", "synced"]


async def test_changes_that_keep_coming_are_sent_after_ten_seconds(start: Callable[..., Any]) -> None:
    machine = await start()
    await settled(machine, 1)
    for number in range(12):
        heard = machine.engine._scheduler._newest_change
        await machine.write(f"Goose {number}")
        await until(lambda heard=heard: machine.engine._scheduler._newest_change > heard or machine.cycles == 2)
        machine.time.advance(0.9)
    await settled(machine, 2)


async def test_a_commit_with_nothing_to_send_asks_nothing_of_the_server(start: Callable[..., Any]) -> None:
    machine = await start()
    await settled(machine, 1)
    session = await machine.store.run(Conversations.create, "Private")
    await machine.store.run(Privacy.set_private, session.id, True)
    await sleeps(machine, 1.0)
    machine.time.advance(5.0)
    await until(lambda: (machine.engine._scheduler.due(machine.time.stopwatch, 0) or 0) > 1e5)
    assert machine.cycles == 1


async def test_a_cycle_that_is_not_complete_is_followed_by_another_at_once(start: Callable[..., Any]) -> None:
    core = Core([CycleResult(pushed=500), CycleResult(pushed=500, pulled=3), CycleResult(complete=True)])
    machine = await start(core=core)
    await settled(machine, 3)
    assert machine.phase == "synced"


async def test_a_cycle_that_gets_no_further_is_not_repeated_without_end(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([CycleResult()]))
    await settled(machine, 1)
    await sleeps(machine, 60.0)
    machine.time.advance(59.0)
    await settled(machine, 1)
    machine.time.advance(1.0)
    await settled(machine, 2)


async def test_an_upstream_server_is_looked_at_every_five_minutes_and_every_fifteen_when_idle(
    start: Callable[..., Any],
) -> None:
    machine = await start(interval=None)
    await settled(machine, 1)
    await sleeps(machine, 300.0)
    machine.time.advance(300.0)
    await settled(machine, 2)
    await sleeps(machine, 300.0)
    machine.time.advance(300.0)  # nothing happened for ten minutes
    await settled(machine, 3)
    machine.time.advance(0.001)
    await sleeps(machine, 300.0 - 0.001)
    machine.time.advance(300.0)
    await settled(machine, 4)
    await sleeps(machine, 900.0)


async def test_an_interval_that_was_set_counts(start: Callable[..., Any]) -> None:
    machine = await start(interval=20.0)
    await settled(machine, 1)
    await sleeps(machine, 20.0)
    machine.time.advance(20.0)
    await settled(machine, 2)
    assert machine.core.made == [None]  # the server was known, and nobody asked it


# Failures


async def test_a_failure_is_waited_out_and_said(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem("offline", 4000, "No way to the server.")]))
    await until(lambda: machine.phase == "offline")
    await sleeps(machine, 4.0)
    report = machine.engine.report
    assert (report.sentence, report.until_ms) == ("No way to the server.", int(machine.time.wall * 1000) + 4000)
    machine.time.advance(3.9)
    await settled(machine, 1)
    machine.time.advance(0.2)
    await settled(machine, 2)
    assert (machine.phase, machine.engine.report.sentence, machine.engine.report.until_ms) == ("synced", "", None)


async def test_what_changes_while_offline_waits_for_the_next_try(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem("offline", 60_000)]))
    await until(lambda: machine.phase == "offline")
    await machine.write()
    await until(lambda: machine.engine.report.waiting == 1)
    await sleeps(machine, 60.0)
    machine.time.advance(30.0)
    await settled(machine, 1)
    assert machine.phase == "offline"
    machine.time.advance(30.0)
    await until(lambda: machine.phase == "synced" and machine.engine.report.waiting == 0)


async def test_a_failing_try_does_not_flicker(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem(), problem(), problem()]))
    await machine.write()
    for tries in (1, 2, 3):
        await settled(machine, tries)
        await sleeps(machine, 4.0)
        machine.time.advance(4.0)
    await settled(machine, 4)
    phases = [one.phase for one in machine.reports]
    first = phases.index("offline")
    assert set(phases[first : len(phases) - phases[::-1].index("offline")]) == {"offline"}


async def test_failures_are_counted_across_restarts_and_a_restart_does_not_hurry(start: Callable[..., Any]) -> None:
    first = await start(core=Core([problem("offline", 4000), problem("offline", 200_000)]))
    await settled(first, 1)
    await sleeps(first, 4.0)
    first.time.advance(4.0)
    await settled(first, 2)
    state = await first.store.run(SyncMetadata.state)
    assert (state.fails, state.next_at) == (2, int(first.time.wall * 1000) + 200_000)
    await first.engine.stop()
    second = await start(first.time)
    await until(lambda: second.phase == "offline")
    await sleeps(second, 200.0)
    first.time.advance(199.0)
    await settled(second, 0)
    first.time.advance(1.0)
    await settled(second, 1)
    state = await second.store.run(SyncMetadata.state)
    assert (state.fails, state.next_at) == (0, None)


async def test_a_person_who_asks_need_not_wait_for_the_next_try(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem("offline", 200_000)]))
    await until(lambda: machine.phase == "offline")
    machine.engine.sync_now()
    await until(lambda: machine.phase == "synced")
    assert machine.cycles == 2


async def test_a_wish_of_the_server_stands_above_all(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem("paused", 900_000, "Too many requests.")]))
    await until(lambda: machine.phase == "paused")
    wished = (machine.engine.report.until_ms or 0) / 1000 - machine.time.wall
    assert 900.0 <= wished <= 1080.0
    await sleeps(machine, wished)
    machine.engine.sync_now()
    await machine.write()
    machine.time.suspend(100.0)
    machine.network[:] = ["10.0.0.1"]
    machine.time.advance(700.0)
    machine.engine.sync_now()
    await quiet(machine)
    assert (machine.cycles, machine.phase) == (1, "paused")
    assert (await machine.engine.run_once()).problem is not None
    assert machine.cycles == 1
    machine.time.advance(wished - 799.9)
    await settled(machine, 2)


async def test_a_wish_of_the_server_outlives_a_restart(start: Callable[..., Any]) -> None:
    first = await start(core=Core([problem("paused", 900_000)]))
    await settled(first, 1)
    await first.engine.stop()
    second = await start(first.time)
    await until(lambda: second.phase == "paused")
    assert second.engine.report.until_ms == first.engine.report.until_ms
    second.engine.sync_now()
    await quiet(second)
    assert second.cycles == 0


async def test_a_sign_in_that_has_ended_keeps_capturing_and_asks_no_server(start: Callable[..., Any]) -> None:
    machine = await start(run=True)
    await settled(machine, 1)
    machine.session.error = SignInNeeded("Sign in again: sterna login")
    await machine.write()
    await sleeps(machine, 1.0)
    machine.time.advance(1.0)
    await until(lambda: machine.phase == "signin")
    assert machine.engine.report.sentence == "Sign in again: sterna login"
    assert (machine.cycles, machine.engine.report.until_ms) == (1, None)
    await machine.write("Terns")
    await until(lambda: machine.engine.report.waiting == 2)
    machine.session.error = None
    other = await start(machine.time)  # signs in, which another process's commit tells of
    await other.write("Gulls")
    await until(lambda: machine.phase == "synced")


async def test_a_no_to_sending_is_said_and_seen_to_be_gone(start: Callable[..., Any]) -> None:
    machine = await start(run=False)
    machine.session.error = SyncDisabled("Sync is off.")
    cycle = await machine.engine.run_once()
    assert (cycle.problem and cycle.problem.phase, machine.phase, machine.cycles) == ("off", "off", 0)
    machine.session.error = None
    assert (await machine.engine.run_once()).complete


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (CannotReach("It cannot be reached.", "network"), "offline"),
        (CannotReach("It does not answer.", "timeout"), "offline"),
        (CannotReach("In trouble.", "server"), "offline"),
        (CannotReach("Sign in to the network.", "portal"), "portal"),
        (CannotReach("No certificate.", "tls"), "blocked"),
        (CannotReach("Too many.", "limited", retry_after=30.0), "paused"),
    ],
)
async def test_a_token_that_cannot_be_had_says_why(start: Callable[..., Any], error: CannotReach, phase: str) -> None:
    machine = await start(run=False)
    machine.session.error = error
    await machine.engine.run_once()
    assert (machine.phase, machine.engine.report.sentence) == (phase, str(error))
    assert machine.engine.report.until_ms is not None


async def test_a_full_disk_is_told_and_tried_again(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([StoreFull("The disk is full.")]))
    await until(lambda: machine.phase == "blocked")
    await sleeps(machine, 60.0)
    assert machine.engine.report.sentence == "The disk is full."
    machine.time.advance(60.0)
    await until(lambda: machine.phase == "synced")


async def test_what_a_protocol_does_not_expect_of_a_network_is_a_try_that_failed(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([Unreachable("timeout", "It does not answer.")]))
    await until(lambda: machine.phase == "offline")
    assert machine.engine.report.sentence == "It does not answer."


async def test_news_that_come_while_a_cycle_runs_are_not_forgotten(start: Callable[..., Any]) -> None:
    def busy() -> Generator[Effect, Any, CycleResult]:
        yield Transaction(SyncMetadata.state)
        machine.engine.on_head(99)
        return CycleResult(complete=True)

    machine = await start(run=False, core=Core([busy(), CycleResult(complete=True)]))
    running = asyncio.create_task(machine.engine.run())
    await settled(machine, 2)
    await quiet(machine)
    assert machine.cycles == 2  # a head that the server does not give is not asked for without end
    await machine.engine.stop()
    await running


async def test_an_answer_that_fits_nothing_does_not_end_the_engine(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([ValueError("secret text")]))
    await until(lambda: machine.phase == "blocked")
    assert "secret" not in machine.engine.report.sentence


# Sleep, networks, ends


async def test_a_computer_that_slept_syncs_when_it_wakes(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem("offline", 200_000)]))
    await until(lambda: machine.phase == "offline" and 10.0 in machine.time.sleeping)
    machine.time.suspend(31.0)
    machine.time.advance(10.0)
    await until(lambda: machine.phase == "synced")
    assert machine.cycles == 2


async def test_a_clock_that_is_set_a_little_wakes_nobody(start: Callable[..., Any]) -> None:
    machine = await start()
    await until(lambda: machine.phase == "synced" and 10.0 in machine.time.sleeping)
    machine.time.suspend(29.0)
    machine.time.advance(10.0)
    await until(lambda: 10.0 in machine.time.sleeping)
    assert machine.cycles == 1


async def test_a_network_that_is_back_is_used_within_five_seconds(start: Callable[..., Any]) -> None:
    machine = await start(core=Core([problem("offline", 200_000)]))
    await until(lambda: machine.phase == "offline" and 10.0 in machine.time.sleeping)
    machine.network.clear()
    machine.time.advance(10.0)
    await until(lambda: 10.0 in machine.time.sleeping)
    assert machine.cycles == 1
    machine.network.append("10.0.0.7")
    machine.time.advance(10.0)
    await until(lambda: any(nap < 5.0 for nap in machine.time.sleeping))
    assert machine.cycles == 1
    machine.time.advance(5.0)
    await until(lambda: machine.phase == "synced")


async def test_what_waits_is_sent_when_the_program_ends(start: Callable[..., Any]) -> None:
    machine = await start()
    await settled(machine, 1)
    await machine.write()
    await machine.engine.stop()
    assert machine.cycles == 2
    assert (await machine.store.run(SyncMetadata.counts)).waiting == 0


async def test_a_program_that_ends_waits_a_second_and_a_half_for_a_server_that_does_not_answer(
    start: Callable[..., Any],
) -> None:
    machine = await start()
    await settled(machine, 1)
    ended = []

    def slow() -> Generator[Effect, Any, CycleResult]:
        try:
            yield Transaction(hang)
            yield CrashPoint("never")
        finally:
            ended.append(True)
        return CycleResult()

    release = asyncio.Event()

    def hang(store: Store) -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)

    loop = asyncio.get_running_loop()
    machine.core.said = [slow()]
    await machine.write()
    stopping = asyncio.create_task(machine.engine.stop())
    await until(lambda: machine.cycles == 2 and 1.5 in machine.time.sleeping)
    assert not stopping.done()
    machine.time.advance(1.5)
    release.set()
    await asyncio.wait_for(stopping, 20)
    assert ended == [True]
    assert (await machine.store.run(SyncMetadata.counts)).waiting == 1


@pytest.mark.parametrize("phase", ["offline", "paused", "signin"])
async def test_a_program_that_ends_while_nothing_can_be_sent_ends_at_once(
    start: Callable[..., Any], phase: str
) -> None:
    machine = await start(core=Core([problem(phase)]))
    await until(lambda: machine.phase == phase)
    await machine.write()
    await machine.engine.stop()
    assert machine.cycles == 1


async def test_an_engine_that_never_ran_stops(start: Callable[..., Any]) -> None:
    machine = await start(run=False)
    await machine.engine.stop()


async def test_a_mistake_of_our_own_is_told_and_leaves_the_lock_to_others(start: Callable[..., Any]) -> None:
    machine = await start(run=False, core=Core([ZeroDivisionError()]))
    with pytest.raises(ExceptionGroup):
        await machine.engine.run()
    assert machine.phase == "blocked"
    other = await start(machine.time)
    await settled(other, 1)


async def test_once_does_everything_and_leaves_the_lock_to_others(start: Callable[..., Any]) -> None:
    machine = await start(run=False, core=Core([CycleResult(pushed=2), CycleResult(pushed=1, pulled=4, complete=True)]))
    cycle = await machine.engine.run_once()
    assert (cycle.pushed, cycle.pulled, cycle.complete) == (3, 4, True)
    other = await start(machine.time, run=False)
    assert (await other.engine.run_once()).complete


# Two processes


async def test_one_process_syncs_and_another_takes_over_when_it_ends(start: Callable[..., Any]) -> None:
    first = await start()
    await settled(first, 1)
    second = await start(first.time)
    await until(lambda: 5.0 in second.time.sleeping)
    await second.write()  # heard by the first
    await until(lambda: first.engine.report.waiting == 1 and 1.0 in first.time.sleeping)
    first.time.advance(1.0)
    await settled(first, 2)
    assert second.cycles == 0
    await until(lambda: second.phase == "synced")
    await first.engine.stop()
    await until(lambda: second.time.sleeping)
    second.time.advance(5.0)
    await settled(second, 1)
    assert second.core.fences == [2]


async def test_a_process_that_watches_says_how_it_goes_for_the_other(start: Callable[..., Any]) -> None:
    first = await start(core=Core([problem("paused", 900_000)]))
    await until(lambda: first.phase == "paused")
    second = await start(first.time)
    await until(lambda: second.phase == "paused")
    assert second.engine.report.until_ms == first.engine.report.until_ms
    assert (await second.engine.run_once()).problem is not None
    assert second.cycles == 0


async def test_a_process_that_slept_through_a_takeover_writes_nothing(start: Callable[..., Any], path: Path) -> None:
    first = await start()
    await settled(first, 1)
    path.with_name("account.db.sync-lock").unlink()  # as a network file system loses a lock
    second = await start(first.time)
    await settled(second, 1)
    assert second.core.fences == [2]
    second.core.said = [problem("offline", 4000)]
    await first.write()
    await until(lambda: first.engine.report.waiting == 1 and 1.0 in first.time.sleeping)
    before = await second.store.run(SyncMetadata.state)
    first.core.said = [_writing()]
    first.engine.sync_now()
    await until(lambda: first.cycles == 2 and not first.engine._leads)
    assert (await second.store.run(SyncMetadata.counts)).waiting == 1
    assert (await second.store.run(SyncMetadata.state)) == before
    await until(lambda: second.engine.report.waiting == 1)
    await sleeps(first, 5.0)
    await sleeps(second, 1.0)
    first.time.advance(5.0)
    await until(lambda: second.cycles == 2)
    assert (first.cycles, first.engine._leads) == (2, False)
    await until(lambda: first.phase == "offline")  # as it goes for the one that syncs
    assert "blocked" not in {one.phase for one in first.reports}


def _writing() -> Generator[Effect, Any, CycleResult]:
    count = yield Transaction(forget, 1)
    return CycleResult(pushed=count, complete=True)


async def test_a_process_that_dies_within_a_cycle_leaves_nothing_behind_that_stops_the_next(
    start: Callable[..., Any],
) -> None:
    def dies() -> Generator[Effect, Any, CycleResult]:
        yield CrashPoint("before")
        raise SystemExit

    machine = await start(run=False, core=Core([dies()]))
    with pytest.raises(SystemExit):
        await machine.engine.run_once()
    other = await start(machine.time)
    await settled(other, 1)


# Long work


async def test_long_work_is_counted(start: Callable[..., Any], path: Path) -> None:
    store = Store.open(path)
    for number in range(300):
        store.conversations.create(f"Goose {number}")
    store.close()

    def long() -> Generator[Effect, Any, CycleResult]:
        for _ in range(3):
            yield Progress(pushed=100)
        yield Progress(position=400, head=500)
        yield Transaction(forget, 1)
        yield Progress(position=900, head=900)
        return CycleResult(pushed=300, pulled=500, complete=True)

    machine = await start(core=Core([problem("offline", 1000), long()]))
    await until(lambda: machine.phase == "offline")
    machine.engine.sync_now()
    await settled(machine, 2)
    counted = dict.fromkeys((one.done, one.total) for one in machine.reports if one.phase == "syncing" and one.total)
    assert list(counted) == [(0, 300), (100, 300), (200, 300), (300, 300), (700, 800), (800, 800)]
    assert (machine.engine.report.phase, machine.engine.report.total) == ("synced", 0)


async def test_long_work_of_a_server_without_numbers_is_counted(start: Callable[..., Any]) -> None:
    def long() -> Generator[Effect, Any, CycleResult]:
        for left in (300, 200, 100, 0):
            yield Transaction(forget, 1)
            yield Progress(fetched=100, left=left)
        return CycleResult(pulled=400, complete=True)

    machine = await start(core=Core([long()]))
    await settled(machine, 1)
    counted = dict.fromkeys((one.done, one.total) for one in machine.reports if one.phase == "syncing" and one.total)
    assert list(counted) == [(100, 400), (200, 400), (300, 400), (400, 400)]


async def test_short_work_is_not_counted(start: Callable[..., Any]) -> None:
    machine = await start()
    await machine.write()
    await settled(machine, 1)
    assert {one.total for one in machine.reports} == {0}
