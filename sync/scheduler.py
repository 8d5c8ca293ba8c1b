"""Scheduling of cycles: what requests one, and what pauses them. Nothing here sleeps or reads a clock."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .backoff import DAY_MS, RETRY_MS, spread

DEBOUNCE, LONGEST_DEBOUNCE = 1.0, 10.0
"""Seconds without a change before changes are sent, and for how long further changes can put that off."""
RETURN_SPREAD = 5.0
"""Seconds over which the clients of a network that is back spread their requests."""
LONGEST_PAUSE_MS = 7 * DAY_MS
"""A stored pause that is longer was written with a wrong clock."""


@dataclass(slots=True)
class Pause:
    """Pause until either clock reaches its end: the wall clock may jump, and the stopwatch may stand still."""

    until: float
    """End by the stopwatch, in seconds."""
    until_ms: int
    """End by the clock; also visible to other processes."""
    by_server: bool
    """The server asked for the pause, and nothing here shortens it. Otherwise it is the delay before a retry."""


class Scheduler:
    """Schedule of one history. Arguments ``now`` are seconds of the stopwatch, ``now_ms`` is the clock."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._requested_at: float | None = None
        self._first_change: float | None = None
        self._newest_change = 0.0
        self.pause: Pause | None = None

    def note_change(self, now: float) -> None:
        """Schedule a cycle after a moment without further changes."""
        self._first_change = now if self._first_change is None else self._first_change
        self._newest_change = now

    def request(self, now: float, *, within: float = 0.0, after: float = 0.0) -> None:
        """Request a cycle whether or not anything changed, at a random moment ``within`` so many seconds."""
        at = now + after + (self._rng.uniform(0.0, within) if within else 0.0)
        self._requested_at = at if self._requested_at is None else min(self._requested_at, at)

    def take(self, now: float) -> bool:
        """Take the cycle that is due off the schedule.

        Return False where only changes had scheduled it: they may have been sent since.
        """
        requested = self._requested_at is not None and self._requested_at <= now
        self._first_change = None
        if requested:
            self._requested_at = None
        return requested

    def clear(self) -> None:
        """Drop what was scheduled until now: the cycle that begins does all of it."""
        self._requested_at = self._first_change = None

    def pause_for(self, now: float, now_ms: int, wait_ms: int, *, by_server: bool) -> None:
        """Send nothing for so long."""
        self.pause = Pause(now + wait_ms / 1000, now_ms + wait_ms, by_server)

    def restore(self, now: float, now_ms: int, next_at: int | None, *, longest_retry_ms: int) -> None:
        """Continue the pause of an earlier process. One longer than any retry delay was requested by the server."""
        left = (next_at or 0) - now_ms
        if 0 < left <= LONGEST_PAUSE_MS:
            self.pause_for(now, now_ms, left, by_server=left > longest_retry_ms)

    def retry_ms(self, fails: int) -> int:
        """Return the delay before the next attempt after ``fails`` failures in a row."""
        return RETRY_MS.delay(fails, self._rng)

    def spread_ms(self, wait_ms: int) -> int:
        """Return the wait that a server asked for, with jitter."""
        return spread(wait_ms, self._rng)

    def resume(self, now: float, now_ms: int, *, within: float = 0.0) -> None:
        """Retry now, or at a random moment ``within`` so many seconds. A pause that the server asked for stands."""
        if self.pause is not None and not self.pause.by_server:
            self.pause = None
            if within:
                self.pause_for(now, now_ms, int(1000 * self._rng.uniform(0.0, within)), by_server=False)

    def due(self, now: float, now_ms: int) -> float | None:
        """Return the seconds until the next cycle, 0 for now, None when none is scheduled."""
        times = [] if self._requested_at is None else [self._requested_at]
        if self._first_change is not None:
            times.append(min(self._newest_change + DEBOUNCE, self._first_change + LONGEST_DEBOUNCE))
        if not times:
            return None
        return max(0.0, min(times) - now, self.pause_left(now, now_ms))

    def pause_left(self, now: float, now_ms: int) -> float:
        """Return the seconds for which nothing may be sent."""
        if self.pause is None:
            return 0.0
        left = min(self.pause.until - now, (self.pause.until_ms - now_ms) / 1000)
        if left <= 0:
            self.pause = None
        return max(0.0, left)
