"""Model whose events are given by the test one by one, and a clock that the test advances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from sterna.providers import Event, Model, Request

LIMIT = 10


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; fail after a limit."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - any condition, also one without an event
            await asyncio.sleep(0.001)


@dataclass
class ScriptedModel:
    """Provider that yields the events passed to ``say``; an exception is raised, ``None`` ends the stream."""

    name: str = "fake"
    requests: list[Request] = field(default_factory=list)
    stubborn: bool = False
    """True if it ignores cancellation until ``let_go`` is set."""

    def __post_init__(self) -> None:
        self.let_go = asyncio.Event()
        self._queues: dict[str, asyncio.Queue[Event | Exception | None]] = {}
        self.ended = 0

    def say(self, *events: Event | Exception | None, to: str | None = None) -> None:
        """Add the next events of the newest reply, or of the reply to the prompt ``to``."""
        queue = self._queue(to) if to is not None else list(self._queues.values())[-1]
        for event in events:
            queue.put_nowait(event)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        queue = self._queue(request.messages[-1].content)
        try:
            while (event := await queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            while self.stubborn and not self.let_go.is_set():
                try:
                    await self.let_go.wait()
                except asyncio.CancelledError:
                    continue
            self.ended += 1

    async def models(self) -> list[Model]:
        return [Model(self.name, "m")]

    async def aclose(self) -> None:
        """Do nothing."""

    def _queue(self, prompt: str) -> asyncio.Queue[Event | Exception | None]:
        return self._queues.setdefault(prompt, asyncio.Queue())


class FakeClock:
    """Clock and sleep that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleeping: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleeping.append((self.now + seconds, future))
        await future

    def sleeping(self) -> int:
        """Return the number of pending sleeps."""
        return sum(not future.done() for _, future in self._sleeping)

    def advance(self, seconds: float) -> None:
        """Advance the clock, and wake the sleeps that are due."""
        self.now += seconds
        for wake, future in self._sleeping:
            if wake <= self.now and not future.done():
                future.set_result(None)
