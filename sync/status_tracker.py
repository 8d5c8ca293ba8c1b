"""Sync status of one history, composed of counts, the running cycle and the current problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .progress import ProgressCounter
from .protocol.effects import Problem, Progress
from .status import Phase, SyncReport

if TYPE_CHECKING:
    from sterna.storage import SyncCounts


class StatusTracker:
    """Current report. Calls ``on_report`` whenever it changes."""

    def __init__(self, on_report: Callable[[SyncReport], None] | None) -> None:
        self._on_report = on_report
        self._progress = ProgressCounter()
        self._is_running = True  # until the first cycle shows how things stand
        self.report = SyncReport("syncing")
        self.problem: Problem | None = None
        self.waiting = 0

    def update_counts(self, counts: SyncCounts) -> None:
        """Take over the counts of the store."""
        self._update(**self._counts(counts))

    def start(self, to_push: int, position: int) -> None:
        """Note that a cycle begins, with ``to_push`` items to send and the history known up to ``position``."""
        self._is_running = True
        self._progress.start(to_push, position)
        self._update()

    def advance(self, progress: Progress) -> None:
        """Note that the cycle advances."""
        self._progress.add(progress)
        self.problem = None  # the server answers again, even if the cycle takes a while
        self._update(until_ms=None, sentence="")

    def finish(
        self, problem: Problem | None, until_ms: int | None, now_ms: int, counts: SyncCounts | None = None
    ) -> None:
        """Note that the cycle ended, with ``problem`` and a retry at ``until_ms``."""
        self._stop()
        self.problem = problem
        changes = self._counts(counts) if counts is not None else {}
        if problem is None:
            self._update(until_ms=None, sentence="", at_ms=now_ms, **changes)
        else:
            self._update(until_ms=until_ms, sentence=problem.sentence, **changes)

    def abort(self) -> None:
        """Note that the cycle was cancelled."""
        self._stop()
        self._update()

    def watch(self, problem: Problem | None, until_ms: int | None) -> None:
        """Note the state of another process that syncs, or that synced last."""
        self._is_running, self.problem = False, problem
        self._update(until_ms=until_ms, sentence=problem.sentence if problem else "")

    def show_files(self, done: int, total: int) -> None:
        """Note how many bytes of attached files were transferred; a total of 0 ends it."""
        self._update(file_bytes=done, file_total=total)

    def repeat(self) -> None:
        """Report the same status again, because the account's data beside it changed."""
        if self._on_report is not None:
            self._on_report(self.report)

    def _stop(self) -> None:
        self._is_running = False
        self._progress.stop()

    def _counts(self, counts: SyncCounts) -> dict[str, int]:
        self.waiting = counts.waiting
        return {"waiting": counts.waiting, "rejected": counts.rejected, "conflicts": counts.conflicts}

    def _update(self, **changes: Any) -> None:
        done, total = self._progress.shown if self._is_running else (0, 0)
        report = replace(self.report, phase=self._phase(), done=done, total=total, **changes)
        if report != self.report:
            self.report = report
            self.repeat()

    def _phase(self) -> Phase:
        if self.problem is not None:
            return self.problem.phase
        if self._is_running and (not self._progress.is_empty or self.waiting or self.report.at_ms is None):
            return "syncing"
        return "waiting" if self.waiting else "synced"
