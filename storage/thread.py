"""One thread that owns the store, and the only way to it from the event loop.

A connection per call costs a hundred times more than a held one, and SQLite calls block; so every call goes, in order,
to one thread. The alternative, aiosqlite, would spread SQL over the rooms: here only ``Store`` sees SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

from .database.connection import Database
from .errors import StoreError
from .records import Change
from .store import Store

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

Listener = Callable[[Change], None]

POLL_SECONDS = 1.0
"""Interval between looks for another process's commits (``PRAGMA data_version``)."""

CLOSE_SECONDS = 2.0
"""Time for queued work to finish when the store is closed; then what runs is ended."""
INSIST_SECONDS = 0.05

SPARE_MESSAGES = 100
SPARE_PAUSE = 0.05
"""Messages that wait for the search index, or to be forgotten, are taken so many at a time, with a pause after each: a
key never waits for them."""

FIRST_SWEEP, SWEEP_ROUNDS = 10, 3600
"""Files that nothing uses any more are removed after so many polls, and then after each so many."""


class StoreThread:
    """A :class:`Store` behind ``await``. Make it in the event loop that will use it."""

    def __init__(self, opener: Callable[[], Store]) -> None:
        self._opener = opener
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._store: Store | None = None
        self._listeners: list[Listener] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the store. Raises :class:`StoreError` with a sentence for the person."""
        self._loop = asyncio.get_running_loop()
        self._store = await self._loop.run_in_executor(self._executor, self._open)
        for work in (self._watch_others, self._use_spare_time):
            self._tasks.append(asyncio.create_task(work(), name=f"store.{work.__name__.strip('_')}"))

    async def run(self, method: Callable[Concatenate[T, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what :meth:`Store.call` returns, called in the store's thread; calls keep their order.

        ``method`` is a method of one of the store's topics (``Conversations.rename``) or a function of the store.
        """
        assert self._loop is not None, "start() first"
        store = self._opened  # now, so that what is queued when close() is called still runs
        return await self._loop.run_in_executor(self._executor, lambda: store.call(method, *args, **kwargs))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` in the event loop after every commit that changed something; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def interrupt(self) -> None:
        """End what the store's thread is doing now; its caller gets a :class:`StoreError`, and nothing is changed."""
        if self._store is not None:
            self._store.db.connection.interrupt()  # the one call that SQLite allows from any thread

    async def close(self) -> None:
        """Finish what is queued, end what takes longer than two seconds, and close the file. Safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        # those that are done may belong to a loop that has ended
        await asyncio.gather(*(task for task in tasks if not task.done()), return_exceptions=True)
        if self._store is not None:
            store, self._store = self._store, None
            closing = asyncio.get_running_loop().run_in_executor(self._executor, store.close)
            try:
                await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
                while not closing.done():
                    store.db.connection.interrupt()
                    await asyncio.wait((closing,), timeout=INSIST_SECONDS)
            except asyncio.CancelledError:
                store.db.connection.interrupt()  # or the interpreter would wait for the thread
                raise
            await closing
        self._executor.shutdown(wait=True)

    @property
    def is_open(self) -> bool:
        """Return whether :meth:`run` may be called: from the end of :meth:`start` to the beginning of :meth:`close`."""
        return self._store is not None

    @property
    def read_only(self) -> StoreError | None:
        """Return why nothing can be written now, while that is so."""
        return self._store.db.read_only if self._store is not None else None

    @property
    def _opened(self) -> Store:
        if self._store is None:
            raise StoreError("The history is closed.")
        return self._store

    def _open(self) -> Store:
        store = self._opener()
        store.db.on_commit = self._committed
        return store

    def _committed(self, change: Change) -> None:
        """Notify listeners; called in the store's thread."""
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, change)

    def _tell(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    async def _watch_others(self) -> None:
        version: int | None = None
        while True:
            with suppress(StoreError):  # the next read or write raises it
                seen = await self.run(Database.data_version)
                if version is not None and seen != version:
                    self._tell(Change(elsewhere=True))
                version = seen
            await asyncio.sleep(POLL_SECONDS)

    async def _use_spare_time(self) -> None:
        rounds = 0
        while True:
            with suppress(StoreError):  # as above
                while await self.run(_some_of_what_waits):  # noqa: ASYNC110 - a pause, not a wait
                    await asyncio.sleep(SPARE_PAUSE)
                rounds += 1
                if rounds % SWEEP_ROUNDS == FIRST_SWEEP:
                    from .attachments.attachments import Attachments

                    await self.run(Attachments.sweep)
            await asyncio.sleep(POLL_SECONDS)


def _some_of_what_waits(store: Store) -> bool:
    """Index some messages of an import, or forget some of what was deleted long ago; False when nothing waits."""
    return store.search_index.catch_up(SPARE_MESSAGES) > 0 or store.trash.purge(SPARE_MESSAGES)
