"""Execution of a protocol's effects over the network and the store's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from sterna.storage import StoreError

from .clock import Timing
from .network.transport import Transport
from .protocol.effects import Ahead, Answer, Http, Now, Point, Step, Tx, Unreachable

if TYPE_CHECKING:
    from sterna.storage import StoreThread

T = TypeVar("T")

LONG_BODY = 64 * 1024
"""Bytes from which a response is parsed in a thread: that takes longer than the event loop may be blocked."""


async def run_effects(
    work: Generator[Step, Any, T],
    transport: Transport,
    store: StoreThread,
    *,
    timing: Timing,
    seen: Callable[[Step, Any], None] | None = None,
) -> T:
    """Execute the effects of ``work`` and return its result. ``seen`` is called with each effect and its result."""
    came: Any = None
    thrown: BaseException | None = None
    requests = Requests(transport)
    try:
        while True:
            finished, value = await _advance(work, came, thrown)
            if finished:
                result: T = value
                return result
            came, thrown = None, None
            try:
                came = await _execute(value, requests, store, timing)
            except (Unreachable, StoreError, ValueError) as error:
                thrown = error
            if seen is not None and thrown is None:
                seen(value, came)
    finally:
        work.close()
        await requests.cancel()


class Requests:
    """Requests, one of which may be sent before the protocol asks for its response."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._request: Http | None = None
        self._answer: asyncio.Task[Answer] | None = None

    async def prefetch(self, request: Http) -> None:
        """Send a request that most likely comes next."""
        await self.cancel()
        self._request, self._answer = request, asyncio.create_task(self._transport.send(request), name="sync.prefetch")

    async def answer(self, request: Http) -> Answer:
        """Return the response. Raises :class:`Unreachable`."""
        if request == self._request and self._answer is not None:
            answer, self._request, self._answer = self._answer, None, None
            return await answer
        await self.cancel()
        return await self._transport.send(request)

    async def cancel(self) -> None:
        """Cancel the request that was sent early."""
        answer, self._request, self._answer = self._answer, None, None
        if answer is not None:
            answer.cancel()
            await asyncio.wait((answer,))
            if not answer.cancelled():
                answer.exception()


async def _execute(step: Step, requests: Requests, store: StoreThread, timing: Timing) -> Any:
    match step:
        case Http():
            return await requests.answer(step)
        case Ahead():
            await requests.prefetch(step.request)
            return None
        case Tx():
            return await store.run(step.method, *step.args, **step.kwargs)
        case Now():
            return timing.now_ms()
        case Point():
            return None


async def _advance(work: Generator[Step, Any, T], came: Any, thrown: BaseException | None) -> tuple[bool, Any]:
    """Resume ``work``. Return (False, its next effect), or (True, its result)."""

    def resume() -> tuple[bool, Any]:
        try:
            return False, work.throw(thrown) if thrown is not None else work.send(came)
        except StopIteration as stop:
            return True, stop.value

    if isinstance(came, Answer) and len(came.body) >= LONG_BODY:
        return await asyncio.to_thread(resume)
    return resume()
