"""Time that a test controls, and waiting for a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sterna.sync.clock import Timing


class FakeTime:
    """Clock, stopwatch and sleepers; sleepers wake only when the test advances the time."""

    def __init__(self) -> None:
        self.wall = 1_772_000_000.0
        self.stopwatch = 1000.0
        self._sleepers: dict[asyncio.Future[None], float] = {}

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.wall, lambda: self.stopwatch, self.sleep)

    @property
    def sleeping(self) -> list[float]:
        """Return the seconds that each sleeper still has to sleep, in order."""
        return sorted(at - self.stopwatch for at in self._sleepers.values())

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[waking] = self.stopwatch + seconds
        try:
            await waking
        finally:
            self._sleepers.pop(waking, None)

    def advance(self, seconds: float) -> None:
        """Advance clock and stopwatch, and wake the sleepers that are due."""
        self.wall += seconds
        self.stopwatch += seconds
        for waking, at in sorted(self._sleepers.items(), key=lambda item: item[1]):
            if at <= self.stopwatch and not waking.done():
                waking.set_result(None)
                del self._sleepers[waking]

    def suspend(self, seconds: float) -> None:
        """Advance the clock alone, as if the computer had been asleep."""
        self.wall += seconds


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
