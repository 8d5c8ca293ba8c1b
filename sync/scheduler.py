"""When to talk to the server next: what asks for it, and what asks to wait. Nothing here sleeps or reads a clock."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .backoff import RETRY_MS, Backoff, spread

DEBOUNCE, HOLD = 1.0, 10.0
"""Seconds of quiet after a change before it is sent, and how long changes that keep coming can put that off."""
RECOVERY = 5.0
"""Seconds over which the clients of a network that is back spread their return."""
FURTHEST_MS = 7 * 86_400_000
"""A pause that is longer than this was written by a clock that was wrong."""


@dataclass(slots=True)
class Pause:
    """Until when nothing is sent: by whichever clock gets there first, for one may jump and one may stand still."""

    until: float
    """Of the stopwatch."""
    until_ms: int
    """Of the clock; also what other processes are told."""
    wish: bool
    """The server asked for it, and nothing here overrules that; else it is only a try put off."""


class Agenda:
    """Of one history. ``now`` is the stopwatch's seconds."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._asked: float | None = None
        self._first: float | None = None
        self._newest = 0.0
        self.pause: Pause | None = None

    def changed(self, now: float) -> None:
        """Something changed here: sent after a moment of quiet."""
        self._first = now if self._first is None else self._first
        self._newest = now

    def ask(self, now: float, *, within: float = 0.0, after: float = 0.0) -> None:
        """A cycle is wanted, whether or not anything changed; at a random moment ``within`` so many seconds."""
        at = now + after + (self._rng.uniform(0.0, within) if within else 0.0)
        self._asked = at if self._asked is None else min(self._asked, at)

    def take(self, now: float) -> bool:
        """Its time has come. False where nothing but changes wanted it: they may be gone."""
        asked = self._asked is not None and self._asked <= now
        self._first = None
        if asked:
            self._asked = None
        return asked

    def begin(self) -> None:
        """A cycle begins: whatever was wanted until now, it does."""
        self._asked = self._first = None

    def hold(self, now: float, now_ms: int, wait_ms: int, *, wish: bool) -> None:
        """Send nothing for so long."""
        self.pause = Pause(now + wait_ms / 1000, now_ms + wait_ms, wish)

    def restore(self, now: float, now_ms: int, next_at: int | None, *, longest_try: int) -> None:
        """Go on with a pause of an earlier process; longer than any put-off try can only be the server's wish."""
        left = (next_at or 0) - now_ms
        if 0 < left <= FURTHEST_MS:
            self.hold(now, now_ms, left, wish=left > longest_try)

    def later_ms(self, fails: int, longest_ms: int) -> int:
        """For how long to put a try off that has failed so often before: anything up to a limit that doubles."""
        return Backoff(RETRY_MS.first, longest_ms).delay(fails, self._rng)

    def spread_ms(self, wait_ms: int) -> int:
        """A wish to wait, up to a fifth longer: not all who were asked come back in the same moment."""
        return spread(wait_ms, self._rng)

    def resume(self, now: float, now_ms: int, *, within: float = 0.0) -> None:
        """Try sooner, at a random moment ``within`` so many seconds; a wish of the server stands."""
        if self.pause is not None and not self.pause.wish:
            self.pause = None
            if within:
                self.hold(now, now_ms, int(1000 * self._rng.uniform(0.0, within)), wish=False)

    def due(self, now: float, now_ms: int) -> float | None:
        """Seconds until the next cycle, 0 for now; None when nothing wants one."""
        times = [] if self._asked is None else [self._asked]
        if self._first is not None:
            times.append(min(self._newest + DEBOUNCE, self._first + HOLD))
        if not times:
            return None
        return max(0.0, min(times) - now, self.paused(now, now_ms))

    def paused(self, now: float, now_ms: int) -> float:
        """Seconds for which nothing may be sent."""
        if self.pause is None:
            return 0.0
        left = min(self.pause.until - now, (self.pause.until_ms - now_ms) / 1000)
        if left <= 0:
            self.pause = None
        return max(0.0, left)
