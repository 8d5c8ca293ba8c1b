"""Clock, stopwatch and sleep of everything that waits, as one argument that tests replace."""

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
    """Sources of time."""

    clock: Callable[[], float] = time.time
    """Seconds since 1970 by the clock of this computer, which may jump."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds of a stopwatch, which never goes back and may stand still while the computer sleeps."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def now_ms(self) -> int:
        """Return the clock in milliseconds."""
        return int(self.clock() * 1000)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait until ``event`` is set, for ``seconds`` at most. Return whether it is set."""
        if seconds is None:
            return await event.wait()
        if not event.is_set() and seconds > 0:
            with suppress(TimeoutError):
                await self.limited(event.wait(), seconds)
        return event.is_set()

    async def limited(self, work: Awaitable[T], seconds: float) -> T:
        """Return the result of ``work``. Cancel it and raise TimeoutError after ``seconds``."""
        done = asyncio.ensure_future(work)
        late = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait((done, late), return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            raise TimeoutError
        finally:
            await _cancel(done, late)


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
