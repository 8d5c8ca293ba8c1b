"""Execution of a protocol's effects over the network and the store's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sterna.storage import PushBatch, StoreError

from .clock import Timing
from .network.transport import Transport
from .protocol.effects import (
    CrashPoint,
    CurrentTime,
    Effect,
    Effects,
    FileProgress,
    Prefetch,
    Progress,
    Request,
    Response,
    Transaction,
    Unreachable,
)

if TYPE_CHECKING:
    from sterna.storage import StoreThread

T = TypeVar("T")

LARGE = 64 * 1024
"""Bytes from which a response is parsed, or a push encoded, in a thread: the event loop would be blocked too long."""


async def run_effects(
    work: Effects[T],
    transport: Transport,
    store: StoreThread,
    *,
    timing: Timing,
    observe: Callable[[Effect, Any], None] | None = None,
) -> T:
    """Execute the effects of ``work`` and return its result. ``observe`` is called with each effect and its result."""
    result: Any = None
    error: BaseException | None = None
    requests = RequestQueue(transport)
    try:
        while True:
            finished, value = await _advance(work, result, error)
            if finished:
                returned: T = value
                return returned
            result, error = None, None
            try:
                result = await _execute(value, requests, store, timing)
            except (Unreachable, StoreError, ValueError) as raised:
                error = raised
            if observe is not None and error is None:
                observe(value, result)
    finally:
        work.close()
        await requests.cancel()


class RequestQueue:
    """Requests, one of which may be sent before the protocol asks for its response."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._request: Request | None = None
        self._response: asyncio.Task[Response] | None = None

    async def prefetch(self, request: Request) -> None:
        """Send a request that most likely comes next."""
        await self.cancel()
        self._request = request
        self._response = asyncio.create_task(self._transport.send(request), name="sync.prefetch")

    async def response(self, request: Request) -> Response:
        """Return the response. Raises :class:`Unreachable`."""
        if request == self._request and self._response is not None:
            response, self._request, self._response = self._response, None, None
            return await response
        await self.cancel()
        return await self._transport.send(request)

    async def cancel(self) -> None:
        """Cancel the request that was sent early."""
        response, self._request, self._response = self._response, None, None
        if response is not None:
            response.cancel()
            await asyncio.wait((response,))
            if not response.cancelled():
                response.exception()


async def _execute(effect: Effect, requests: RequestQueue, store: StoreThread, timing: Timing) -> Any:
    match effect:
        case Request():
            return await requests.response(effect)
        case Prefetch():
            return await requests.prefetch(effect.request)
        case Transaction():
            return await store.run(effect.method, *effect.args, **effect.kwargs)
        case CurrentTime():
            return timing.now_ms()
        case CrashPoint() | Progress() | FileProgress():
            return None


async def _advance(work: Effects[T], result: Any, error: BaseException | None) -> tuple[bool, Any]:
    """Resume ``work``. Return (False, its next effect), or (True, its result)."""

    def resume() -> tuple[bool, Any]:
        try:
            return False, work.throw(error) if error is not None else work.send(result)
        except StopIteration as stop:
            return True, stop.value

    if _size(result) >= LARGE:
        return await asyncio.to_thread(resume)
    return resume()


def _size(result: Any) -> int:
    """Return the bytes that the protocol has to decode or to encode next."""
    if isinstance(result, Response):
        return len(result.body)
    return result.size if isinstance(result, PushBatch) else 0
