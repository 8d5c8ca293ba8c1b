"""The report of one history, put together from what is counted, what runs and what is the matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .protocol.effects import Problem, Step, Tx
from .status import Phase, SyncReport

if TYPE_CHECKING:
    from sterna.storage import SyncCounts

LONG_WORK = 200
"""Things to send and fetch from which on it is told how many of them are done."""


class Telling:
    """Gives a new report to ``told`` whenever there is something else to say."""

    def __init__(self, told: Callable[[SyncReport], None] | None) -> None:
        self._told = told
        self.report = SyncReport("syncing")
        self.problem: Problem | None = None
        self.waiting = 0
        self._running = True  # until it is known how things stand, that is what is being found out
        self._done = self._total = self._to_push = 0
        self._cur = 0
        self._goal: int | None = None

    def counted(self, counts: SyncCounts) -> None:
        """What the store counts."""
        self._tell(**self._taken(counts))

    def began(self, to_push: int, cur: int) -> None:
        """A cycle runs, with so much to send and the history known so far."""
        self._running, self._done, self._total, self._cur, self._goal = True, 0, to_push, cur, None
        self._to_push = to_push
        self._tell()

    def step(self, step: Step, came: Any) -> None:
        """A step of it is done."""
        if not isinstance(step, Tx) or step.progress is None or came is False:
            return
        progress = step.progress
        self._done += progress.pushed + progress.fetched
        self._to_push = max(0, self._to_push - progress.pushed)
        if progress.position is not None:
            self._fetched(progress.position, progress.head)
        if progress.fetched or progress.left:
            self._total = max(self._total, self._done + progress.left + self._to_push)
        self.problem = None  # it works, even if it takes a while
        self._tell(until_ms=None, sentence="")

    def ended(
        self, problem: Problem | None, until_ms: int | None, at_ms: int, counts: SyncCounts | None = None
    ) -> None:
        """It is over."""
        self._running, self._done, self._total = False, 0, 0
        self.problem = problem
        changes = self._taken(counts) if counts is not None else {}
        if problem is None:
            self._tell(until_ms=None, sentence="", at_ms=at_ms, **changes)
        else:
            self._tell(until_ms=until_ms, sentence=problem.sentence, **changes)

    def broken_off(self) -> None:
        """It was ended from outside."""
        self._running, self._done, self._total = False, 0, 0
        self._tell()

    def watching(self, problem: Problem | None, until_ms: int | None) -> None:
        """Another process syncs, or synced last; that is how it went there."""
        self._running, self.problem = False, problem
        self._tell(until_ms=until_ms, sentence=problem.sentence if problem else "")

    def again(self) -> None:
        """Tell it once more: something beside it is new."""
        if self._told is not None:
            self._told(self.report)

    def _taken(self, counts: SyncCounts) -> dict[str, int]:
        self.waiting = counts.waiting
        return {"waiting": counts.waiting, "quarantined": counts.quarantined, "conflicts": counts.conflicts}

    def _fetched(self, new_cur: int, head: int | None) -> None:
        if self._goal is None:  # what is written from now on comes back too, and is nothing more to do
            self._goal = max(self._cur, new_cur if head is None else head)
            self._total += self._goal - self._cur
        now = min(new_cur, self._goal)
        self._done += max(0, now - self._cur)
        self._cur = max(self._cur, now)

    def _tell(self, **changes: Any) -> None:
        long = self._running and self._total >= LONG_WORK
        report = replace(
            self.report,
            phase=self._phase(),
            done=min(self._done, self._total) if long else 0,
            total=self._total if long else 0,
            **changes,
        )
        if report != self.report:
            self.report = report
            if self._told is not None:
                self._told(report)

    def _phase(self) -> Phase:
        if self.problem is not None:
            return self.problem.phase
        if self._running and (self._total or self.waiting or self.report.at_ms is None):
            return "syncing"
        return "waiting" if self.waiting else "synced"
