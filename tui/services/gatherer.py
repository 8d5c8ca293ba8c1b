"""Follows the histories of other programs while the chat is open, in threads and in small steps: keys come first."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sterna import storage

from .folder_watch import FolderWatch

if TYPE_CHECKING:
    from sterna.importers.gather.work import GatherBatch
    from sterna.storage import GatherChoice, SourceChoice, StoreThread
    from sterna.storage.attachments.files import AttachmentFiles

FIRST_SECONDS = 2.0
"""Time after the start in which nothing is read."""
QUIET_SECONDS = 1.0
"""Time after a change in which more of it is awaited."""
ROUND_SECONDS = 60.0
"""Longest time between two rounds: some files cannot be watched, and something else may be chosen."""
POLL_SECONDS = 15.0
"""The same where nothing can be watched."""
LEASE_SECONDS = 180
"""Time for which one window gathers; another takes over when it is gone for so long."""
SOON_SECONDS = 3.0
BUSY_PART = 10
"""A round that took long is followed by a pause so many times as long."""
PAUSE = 0.02


class Gatherer:
    """Background work of one window."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._owner = os.urandom(8).hex()
        self._task: asyncio.Task[None] | None = None
        self._store: StoreThread | None = None
        self._watch: FolderWatch | None = None
        self._watched: FolderWatch | None = None
        """The watch at the last round."""
        self._changed = asyncio.Event()

    def start(self, store: StoreThread) -> None:
        """Begin to follow what is chosen; nothing is loaded while nothing is."""
        if self._task is None and store.read_only is None:
            self._store = store
            self._task = asyncio.create_task(self._follow(store), name="gather")

    async def stop(self) -> None:
        """End at once; what is stored stays, and the rest is read next time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._watch is not None:
            self._watch.stop()
        if self._store is not None and self._store.is_open:
            with suppress(storage.StoreError):
                await self._claim(self._store, 0)
            self._store = None

    async def _follow(self, store: StoreThread) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            watch, began = None, time.monotonic()
            with suppress(storage.StoreError):  # the list says what is wrong with the history
                choice = await store.run(storage.Gathered.choice)
                if choice.sources and await self._claim(store, LEASE_SECONDS):
                    watch = await self._watch_over(choice)
                    await self._round(store, choice)
                elif self._watch is not None:
                    self._watch.stop()
                    self._watch = None
            spent = time.monotonic() - began
            if await self._wait(self._seconds(watch)):
                await asyncio.sleep(max(QUIET_SECONDS, min(BUSY_PART * spent, ROUND_SECONDS)))
                self._changed.clear()

    def wake(self) -> None:
        """Begin a round now: something else is chosen."""
        self._changed.set()

    async def _wait(self, seconds: float) -> bool:
        """Return whether something changed; wait for it at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _seconds(self, watch: FolderWatch | None) -> float:
        """Return the longest time until the next round; after a watch began, what changed before is looked for soon."""
        is_new, self._watched = watch is not self._watched, watch
        if watch is None:
            return ROUND_SECONDS
        if is_new:
            return SOON_SECONDS
        return ROUND_SECONDS if watch.is_working else POLL_SECONDS

    async def _claim(self, store: StoreThread, seconds: int) -> bool:
        return await store.run(storage.Gathered.claim, self._owner, seconds)

    async def _round(self, store: StoreThread, choice: GatherChoice) -> None:
        from sterna.importers.gather.work import available

        files = await store.run(_attachment_files)
        for name in await asyncio.to_thread(available):
            if name in choice.sources:
                try:
                    await self._take(store, name, choice.sources[name], files)
                except storage.StoreError:
                    raise
                except Exception as error:  # noqa: BLE001 - one source never stops the others, nor the chat
                    problem = f"It could not be read ({type(error).__name__}: {error})."
                    await store.run(storage.Gathered.note_problem, name, problem)

    async def _take(self, store: StoreThread, name: str, chosen: SourceChoice, kept: AttachmentFiles) -> None:
        from sterna.importers.gather.places import Places
        from sterna.importers.gather.rounds import SourceRound, projects_for
        from sterna.importers.gather.work import find, gather

        before = await store.run(storage.Gathered.files, name)
        projects = await store.run(projects_for, name)
        found = await asyncio.to_thread(find, name, Places(), chosen, projects)
        result = SourceRound(name, problems=found.problems)
        async for batch in _in_thread(gather(name, found, before, chosen, now=self._clock())):
            attachments = await asyncio.to_thread(batch.keep_files, kept)
            taken = await store.run(
                storage.Gathered.take, name, batch.conversations, attachments, batch.files, stays_here=chosen.stays_here
            )
            result.count(batch, taken)
            await asyncio.sleep(PAUSE)
        await store.run(storage.Gathered.note_problem, name, result.problem)

    async def _watch_over(self, choice: GatherChoice) -> FolderWatch:
        """Return the watch over the folders of what is chosen, begun anew where these are others."""
        folders = await asyncio.to_thread(_folders, choice)
        if self._watch is None or self._watch.folders != folders:
            if self._watch is not None:
                self._watch.stop()
            self._watch = FolderWatch(folders, self._changed)
        return self._watch


async def _in_thread(batches: Iterator[GatherBatch]) -> AsyncIterator[GatherBatch]:
    """Yield batches, each made in a thread."""

    def next_batch() -> GatherBatch | None:
        return next(batches, None)

    while (batch := await asyncio.to_thread(next_batch)) is not None:
        yield batch


def _attachment_files(store: storage.Store) -> AttachmentFiles:
    return store.attachment_files


def _folders(choice: GatherChoice) -> list[Path]:
    """Return the folders to watch."""
    from sterna.importers.gather.places import Places
    from sterna.importers.gather.sources import SOURCES
    from sterna.importers.gather.work import roots_of

    places = Places()
    found = [
        root.path
        for name, chosen in choice.sources.items()
        if name in SOURCES
        for root in roots_of(SOURCES[name], places, chosen)
        if root.patterns and root.path.is_dir()
    ]
    return list(dict.fromkeys(found))
