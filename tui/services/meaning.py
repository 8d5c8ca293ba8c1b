"""Search by meaning of the running application: vectors are made in the background, and asked by the search."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from sterna import storage
from sterna.providers import retry_delay

if TYPE_CHECKING:
    from sterna.chat.meaning.builder import Builder
    from sterna.chat.meaning.finder import Finder
    from sterna.config import MeaningSettings
    from sterna.providers import Catalog
    from sterna.providers.embedder import Embedder
    from sterna.storage import Change, Hit, MeaningQuery, StoreThread

FIRST_SECONDS = 4.0
"""Time after the start in which nothing is loaded."""
QUIET_SECONDS = 2.0
"""Time after a change in which more of it is awaited."""
LOOK_SECONDS = 60.0
"""Time after which it is looked whether another process stopped making the vectors."""
PAUSE = 0.02
BUSY_PART = 1.0
"""A batch is followed by a pause so many times as long."""
TYPED_SECONDS = 0.5
"""Time without a key after which a provider is asked for the meaning of what was typed."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 600.0
"""Wait after a failure, which is doubled with each one that follows."""

PACKAGES = ("apsw", "sqlite_vec", "numpy", "tokenizers", "safetensors")
"""Packages without which there is no search by meaning."""

State = Literal["off", "beginning", "building", "ready", "elsewhere", "failing"]
"""What the background does. ``elsewhere``: another process makes the vectors."""

log = logging.getLogger("sterna.meaning")


class MeaningService:
    """Background work of one window, and the way to results."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._finder: Finder | None = None
        self._embedder: asyncio.Future[Embedder] | None = None
        self._store: StoreThread | None = None
        self.settings: MeaningSettings | None = None
        """Settings that it began with."""
        self._changed = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        self.state: State = "off"
        self.done = 0.0
        """Part of the history that has vectors, from 0 to 1."""
        self.problem = ""
        """Sentence about what keeps vectors from being made."""

    @property
    def is_on(self) -> bool:
        """Whether messages are found by their meaning."""
        return self.state != "off"

    @property
    def is_remote(self) -> bool:
        """Whether what is searched for is sent to a provider."""
        from sterna.chat.meaning.embedders import is_remote

        return self.settings is not None and is_remote(self.settings.model)

    @property
    def sentence(self) -> str:
        """How far the vectors are; empty once all are made."""
        if self.state == "failing":
            return f"By meaning: {self.problem}"
        if self.state in ("building", "elsewhere") and self.done < 1:
            return f"By meaning: {self._percent} of the messages are read."
        # the search may load it before the background does
        is_loaded = self._embedder is not None and self._embedder.done()
        return "By meaning: the model is being loaded." if self.state == "beginning" and not is_loaded else ""

    @property
    def _percent(self) -> str:
        from sterna.chat.meaning.ways import percent

        return percent(self.done)

    @property
    def note(self) -> str:
        """How far the vectors are, behind the name of the setting; empty where there is nothing to say."""
        if self.state == "failing":
            return " (does not work: see the search)"
        return f" ({self._percent} read)" if self.state in ("building", "elsewhere") and self.done < 1 else ""

    def start(
        self, store: StoreThread, settings: MeaningSettings, catalog: Callable[[], Awaitable[Catalog | None]]
    ) -> None:
        """Begin, if it is turned on; nothing is loaded otherwise."""
        self.settings = settings
        if not settings.enabled or self._task is not None:
            return
        self._store, self._catalog, self.state = store, catalog, "beginning"
        self._unsubscribe = store.subscribe(self._noticed)
        self._task = asyncio.create_task(self._work(store), name="meaning")

    async def stop(self) -> None:
        """End at once; what is stored stays, and the rest is made next time."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._unsubscribe is not None:
            self._unsubscribe()
        finder, self._finder = self._finder, None
        if finder is not None:
            await finder.close()
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.cancel()
            with suppress(Exception, asyncio.CancelledError):  # it could not be loaded, or is not loaded yet
                await (await embedder).aclose()
        self.state, self.done, self.problem = "off", 0.0, ""

    async def forget(self, store: StoreThread) -> None:
        """End, and delete the vectors. Raises StoreError."""
        await self.stop()
        await store.run(_forget)

    async def needs(self, store: StoreThread) -> str:
        """Return a sentence about what the vectors take."""
        from sterna.chat.meaning.needs import needs

        return needs(await store.run(storage.Meaning.size), remote=self.is_remote)

    async def find(self, query: MeaningQuery) -> list[Hit]:
        """Return messages with the meaning of a text, best first. Raises StoreError; also where no model answers."""
        from sterna.providers.embedder import EmbedderError

        if self.is_remote:
            await asyncio.sleep(TYPED_SECONDS)
        try:
            return await (await self._search()).find(query)
        except EmbedderError as error:
            raise storage.StoreError(str(error)) from None

    async def related(self, session_id: str, limit: int) -> list[Hit]:
        """Return other conversations about the same, best first. Raises StoreError."""
        return await (await self._search()).related(session_id, limit)

    async def _search(self) -> Finder:
        if self._finder is None:
            await asyncio.to_thread(_load)  # what is loaded here takes longer than a frame
            from sterna.chat.meaning.finder import Finder

            assert self._store is not None, "it is off"
            path = await self._store.run(storage.Meaning.path)
            self._finder = self._finder or Finder(self._store.run, self._model, path)
        return self._finder

    async def _model(self) -> Embedder:
        """Return the model, which is loaded once for the search and for the background."""
        if self._embedder is None or (self._embedder.done() and self._embedder.exception() is not None):
            from sterna.chat.meaning.embedders import open_embedder

            assert self.settings is not None, "it is off"
            opening = open_embedder(self.settings.model, self._catalog, gently=True)
            self._embedder = asyncio.ensure_future(opening)
        return await asyncio.shield(self._embedder)

    def _noticed(self, change: Change) -> None:
        self._changed.set()

    async def _work(self, store: StoreThread) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        await asyncio.to_thread(_load)
        from sterna.chat.meaning.builder import AlreadyBuilding, Builder, VectorsDeleted
        from sterna.providers.embedder import EmbedderError

        failures = 0
        while True:
            builder: Builder | None = None
            asked_wait = 0.0
            try:
                embedder = await self._model()
                builder = Builder(store.run, embedder, await store.run(storage.Meaning.path), gently=True)
                await builder.open()
                async for _ in self._batches(builder):
                    failures = 0
            except AlreadyBuilding:
                with suppress(storage.StoreError):  # how far it is can wait
                    self.done = await (await self._search()).progress() or 0.0
                self.state, self.problem, failures = "elsewhere", "", 0
            except VectorsDeleted as error:
                self.state, self.problem = "failing", str(error)
                return  # a command turned it off, or chose another model
            except Exception as error:
                is_known = isinstance(error, storage.StoreError | EmbedderError)
                if not is_known:
                    log.exception("no vectors could be made")
                self.state = "failing"
                self.problem = str(error) if is_known else f"{type(error).__name__}: {error}"
                failures += 1
                asked_wait = (error.wait or 0.0) if isinstance(error, EmbedderError) else 0.0
            finally:
                if builder is not None:
                    await builder.close()
            wait = retry_delay(failures - 1, FIRST_WAIT, LONGEST_WAIT) if failures else LOOK_SECONDS
            await asyncio.sleep(max(wait, asked_wait))

    async def _batches(self, builder: Builder) -> AsyncIterator[None]:
        """Make vectors as long as there are messages without, and wait for more; yield after each batch."""
        while True:
            began = time.monotonic()
            self._changed.clear()
            if await builder.step():
                self.state, self.done, self.problem = "building", builder.done, ""
                yield
                await asyncio.sleep(max(PAUSE, BUSY_PART * (time.monotonic() - began)))
            else:
                self.state, self.done, self.problem = "ready", 1.0, ""
                await self._changed.wait()
                await asyncio.sleep(QUIET_SECONDS)


def missing_packages() -> str:
    """Return a sentence about packages that are not installed; empty where all are. It is slow: call it in a thread."""
    from importlib.util import find_spec

    missing = [name for name in PACKAGES if find_spec(name) is None]
    return f"This needs packages that are not installed ({missing[0]}). Install sterna[semantic]." if missing else ""


def _load() -> None:
    """Import what the search by meaning needs of this program; the model itself is loaded in its own thread."""
    import sterna.chat.meaning.builder
    import sterna.chat.meaning.embedders
    import sterna.chat.meaning.finder  # noqa: F401


def _forget(store: storage.Store) -> None:
    store.meaning.end()
    storage.remove_vectors(store.db.path)
