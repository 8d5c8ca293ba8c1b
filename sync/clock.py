"""Clock, stopwatch and sleep of everything that waits, given from outside: a test owns them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time comes from."""

    clock: Callable[[], float] = time.time
    """Seconds since 1970, as this computer believes; may jump."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that never go back; while the computer sleeps they stand still."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def now_ms(self) -> int:
        """The clock in milliseconds."""
        return int(self.clock() * 1000)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Until ``event`` is set, for so long at most; whether it is set."""
        if seconds is None:
            return await event.wait()
        if not event.is_set() and seconds > 0:
            with suppress(TimeoutError):
                await self.limited(event.wait(), seconds)
        return event.is_set()

    async def limited(self, work: Awaitable[T], seconds: float) -> T:
        """What ``work`` gives. Raises TimeoutError, and cancels it, when it takes longer."""
        done = asyncio.ensure_future(work)
        late = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait((done, late), return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            raise TimeoutError
        finally:
            await _end(done, late)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
