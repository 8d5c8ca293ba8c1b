"""Thread in which servers run: what they send is read there, and never delays a key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ServerThread:
    """Event loop in a thread of its own, which starts when it is first used."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what ``work`` returns, which runs in the thread; it is cancelled with the caller."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self._started()))

    async def close(self, work: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
        """Run ``work`` for at most so long, and end the thread. Without a thread nothing is done."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        try:
            future = asyncio.run_coroutine_threadsafe(work(), loop)
            await asyncio.wait((asyncio.wrap_future(future),), timeout=seconds)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join, seconds)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                # a daemon: it may not keep the program from ending
                self._thread = threading.Thread(target=_forever, args=(loop,), name="tools", daemon=True)
                self._thread.start()
                self._loop = loop
            return self._loop


def _forever(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
