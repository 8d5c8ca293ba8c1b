"""Providers that cannot be reached at the moment, and the prompts that wait for them.

Each such provider is asked from time to time whether it can be reached again: one small request for all prompts that
wait for it, at growing intervals with a random part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sterna.providers import retry_delay

from .tasks import first

FIRST_PAUSE, LONGEST_PAUSE = 4.0, 60.0
"""Seconds between two questions: at first, and at most."""
SHORTEST_PAUSE = 3.0
"""Seconds between two questions where somebody asks for the next one at once."""


class Outage:
    """One provider, from the first request that does not reach it until one does."""

    def __init__(
        self,
        title: str,
        is_reachable: Callable[[], Awaitable[bool]],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.title = title
        """Name of the provider for sentences."""
        self._is_reachable = is_reachable
        self._monotonic = monotonic
        self._sleep = sleep
        self._waiting = 0
        self._questions = 0
        self._asked = monotonic()
        """Time of the last question, or of the request that failed."""
        self.next_question = self._asked
        """Time of the next question, on the monotonic clock."""
        self._hurry = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    async def over(self) -> None:
        """Return once the provider can be reached."""
        self._waiting += 1
        try:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(), name="chat.outage")
            await asyncio.shield(self._asking)
        finally:
            self._waiting -= 1
            if not self._waiting and self._asking is not None:
                self._asking.cancel()
                self._asking = None

    def hurry(self) -> None:
        """Ask now, unless that was done a moment ago."""
        self._hurry.set()

    async def _ask(self) -> None:
        while True:
            pause = retry_delay(self._questions, FIRST_PAUSE, LONGEST_PAUSE)
            self.next_question = self._monotonic() + pause
            await first(self._sleep(pause), self._hurry.wait())
            if (rest := self._asked + SHORTEST_PAUSE - self._monotonic()) > 0:
                self.next_question = self._monotonic() + rest
                await self._sleep(rest)
            self._hurry.clear()
            self._questions += 1
            self._asked = self._monotonic()
            if await self._is_reachable():
                return


class Outages:
    """Outage of each provider that cannot be reached."""

    def __init__(self, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._outages: dict[str, Outage] = {}

    def of(self, provider: str, title: str, is_reachable: Callable[[], Awaitable[bool]]) -> Outage:
        """Return the outage of a provider, which begins now if there is none."""
        if provider not in self._outages:
            self._outages[provider] = Outage(title, is_reachable, self._monotonic, self._sleep)
        return self._outages[provider]

    def end(self, provider: str) -> None:
        """Note that a request has reached the provider."""
        self._outages.pop(provider, None)

    def hurry(self) -> None:
        """Ask every provider now whether it can be reached."""
        for outage in self._outages.values():
            outage.hurry()
