"""Search by meaning in a command, which has the history itself instead of a thread with it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sterna.chat.meaning.ways import Way, one_list, percent, room_for_meaning, way_of
from sterna.storage import Hit, MeaningQuery, StoreError, clean
from sterna.storage.conversations.saved_names import saved_searches, with_saved

from .context import CommandContext

if TYPE_CHECKING:
    from pathlib import Path

    from sterna.chat.meaning.builder import Run
    from sterna.chat.meaning.finder import Finder
    from sterna.providers import Catalog
    from sterna.providers.embedder import Embedder
    from sterna.storage import HistoryReader

T = TypeVar("T")
OFF = "Search by meaning is off. Turn it on with: sterna meaning on"


def run_in(history: HistoryReader) -> Run:
    """Return what calls a method of a history, as ``StoreThread.run`` does."""

    async def run(method: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        return history.call(method, *arguments, **named)

    return run


@asynccontextmanager
async def embedder_of(context: CommandContext, model: str) -> AsyncIterator[Embedder]:
    """Give the embedder of that name. Raises EmbedderError."""
    from sterna.chat.meaning.embedders import open_embedder

    catalogs: list[Catalog] = []

    async def catalog() -> Catalog:
        from sterna.chat import add_discovered, build_catalog, needs_discovery

        settings = context.settings()
        made = build_catalog(
            settings, None, environ=os.environ, config_dir=context.config_dir, cache_dir=context.folder()
        )
        catalogs.append(made)
        if needs_discovery(made, model):
            await add_discovered(made, settings, os.environ, wanted=model.partition("/")[0])
        return made

    try:
        embedder = await open_embedder(model, catalog, gently=False)
        try:
            yield embedder
        finally:
            await embedder.aclose()
    finally:
        for each in catalogs:
            await each.aclose()


@asynccontextmanager
async def finder_of(context: CommandContext, model: str, run: Run, path: Path) -> AsyncIterator[Finder]:
    """Give the search in the vectors at ``path``; the model is loaded with the first search."""
    from sterna.chat.meaning.finder import Finder

    async with AsyncExitStack() as stack:

        async def embedder() -> Embedder:
            return await stack.enter_async_context(embedder_of(context, model))

        finder = Finder(run, embedder, path)
        stack.push_async_callback(finder.close)
        yield finder


class MeaningSearch:
    """Search by meaning for a command; where it is off, only words are looked for."""

    def __init__(self, context: CommandContext) -> None:
        self._context = context
        self._settings = context.read_settings().meaning

    @property
    def is_on(self) -> bool:
        """Whether messages are found by their meaning."""
        return self._settings.enabled

    def search(
        self, history: HistoryReader, text: str, *, limit: int, session_id: str | None = None, way: Way = "both"
    ) -> list[Hit]:
        """Return messages by their words, their meaning or both. Raises StoreError, and EmbedderError by meaning alone.

        With both, a meaning that cannot be looked for is a sentence on standard error.
        """
        from sterna.providers.embedder import EmbedderError

        if not self.is_on:
            if way == "meaning":
                raise StoreError(OFF)
            return history.search.search(text, limit=limit, session_id=session_id)
        way, text = way_of(with_saved(text, saved_searches(history.db)), way)
        hits = [] if way == "meaning" else history.search.search(text, limit=limit, session_id=session_id)
        if way == "words":
            return hits
        room = limit if way == "meaning" else room_for_meaning(len(hits), limit)

        async def find(finder: Finder) -> list[Hit]:
            done = await finder.progress() if way == "meaning" else 1.0
            if done is None:
                raise StoreError("No vectors are made yet. Make them with: sterna meaning build")
            if done < 1:
                hint = "Make the rest with: sterna meaning build"
                click.echo(f"sterna: {percent(done)} of the messages are read by now. {hint}", err=True)
            found = await finder.find(MeaningQuery(text, room, session_id, hits, also_words=way == "both"))
            if finder.is_of_another_model:
                raise StoreError("The vectors are those of another model. Make them anew with: sterna meaning build")
            return found

        try:
            return one_list(hits, self._with_finder(history, find), limit)
        except (EmbedderError, StoreError) as error:
            if way == "meaning":
                raise
            click.echo(clean(f"sterna: Found by words only. {error}"), err=True)
            return hits

    def related(self, history: HistoryReader, session_id: str, limit: int) -> list[Hit]:
        """Return other conversations about the same, best first. Raises StoreError."""
        if not self.is_on:
            return history.related.to(session_id, limit)
        return self._with_finder(history, lambda finder: finder.related(session_id, limit))

    def _with_finder(self, history: HistoryReader, work: Callable[[Finder], Coroutine[Any, Any, T]]) -> T:
        import asyncio

        async def found() -> T:
            async with finder_of(
                self._context, self._settings.model, run_in(history), history.meaning.path()
            ) as finder:
                return await work(finder)

        return asyncio.run(found())
