"""Count of the items of a cycle, done and in total."""

from __future__ import annotations

from .protocol.effects import Progress

LONG_WORK = 200
"""Items from which progress is shown."""


class ProgressCounter:
    """Items that one cycle has sent and fetched, and the total as far as it is known."""

    def __init__(self) -> None:
        self._done = self._total = self._to_push = 0
        self._position = 0
        self._goal: int | None = None

    def start(self, to_push: int, position: int) -> None:
        """Begin a cycle with ``to_push`` items to send, and the history known up to ``position``."""
        self._done, self._total, self._to_push = 0, to_push, to_push
        self._position, self._goal = position, None

    def stop(self) -> None:
        """End the cycle."""
        self._done = self._total = 0

    def add(self, progress: Progress) -> None:
        """Count what the protocol reports."""
        self._done += progress.pushed + progress.fetched
        self._to_push = max(0, self._to_push - progress.pushed)
        if progress.position is not None:
            self._advance(progress.position, progress.head)
        if progress.fetched or progress.left:
            self._total = max(self._total, self._done + progress.left + self._to_push)

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to send or to fetch."""
        return not self._total

    @property
    def shown(self) -> tuple[int, int]:
        """Return items done and in total; both 0 unless the work is long."""
        return (min(self._done, self._total), self._total) if self._total >= LONG_WORK else (0, 0)

    def _advance(self, position: int, head: int | None) -> None:
        if self._goal is None:  # the device's own pushes come back too, and are nothing more to do
            self._goal = max(self._position, position if head is None else head)
            self._total += self._goal - self._position
        reached = min(position, self._goal)
        self._done += max(0, reached - self._position)
        self._position = max(self._position, reached)
