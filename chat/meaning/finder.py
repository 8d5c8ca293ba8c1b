"""Search for messages and conversations by their meaning, in the vectors that have been made so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sterna.providers.embedder import Embedder
from sterna.storage import Hit, Meaning, MeaningQuery, VectorFile, VectorsDamaged
from sterna.storage.conversations.related import Related
from sterna.storage.meaning.vector_file import Near

from .builder import Run, part_read
from .file_thread import FileThread

RELATED = 60
"""Conversations with the same words that are taken into account."""


class Finder:
    """Search in the vectors of a history. The model is loaded with the first search."""

    def __init__(self, run: Run, embedder: Callable[[], Awaitable[Embedder]], path: Path) -> None:
        self._run = run
        self._embedder = embedder
        self._path = path
        self._thread = FileThread("meaning.search")
        self._file: VectorFile | None = None
        self.is_of_another_model = False
        """True where the last search found vectors of another model than the chosen one."""

    async def find(self, query: MeaningQuery) -> list[Hit]:
        """Return messages with the meaning of a text, best first; those with any of its words count for more.

        Raises EmbedderError, StoreError.
        """
        scope = await self._run(Meaning.scope, query.text, query.session_id)
        if scope is None or (file := await self._thread.call(self._opened)) is None:
            return []
        embedder = await self._embedder()
        self.is_of_another_model = embedder.key != file.about.model
        if self.is_of_another_model:
            return []  # they are being made anew
        (vector,) = await embedder.embed([scope.words])
        near: list[Near] = []
        if len(vector) == 4 * file.about.size:
            near = await self._thread.call(lambda: file.nearest(vector, among=scope.places))
        near = [each for each in near if each.similarity > file.about.usual]
        hits: list[Hit] = await self._run(Meaning.hits, near, query)
        return hits

    async def related(self, session_id: str, limit: int) -> list[Hit]:
        """Return for each conversation about the same its best message, the best first. Raises StoreError.

        Conversations with the same words and those with the same meaning are put in one order. The model is not asked.
        """
        words = await self._run(Related.to, session_id, RELATED)
        file = await self._thread.call(self._opened)
        near: list[Near] = []
        if file is not None:
            places = await self._run(Meaning.places_of, session_id)
            near = await self._thread.call(lambda: _near_to(file, places))
        related: list[Hit] = await self._run(Meaning.related, near, words, session_id, limit)
        return related

    async def progress(self) -> float | None:
        """Return which part of the history has vectors, from 0 to 1; None where none are there."""
        file = await self._thread.call(self._opened)
        if file is None:
            return None
        return part_read(await self._thread.call(file.refresh), await self._run(Meaning.newest))

    async def close(self) -> None:
        """Let go of the file, also if this is cancelled meanwhile."""
        file, self._file = self._file, None
        await self._thread.close(file)

    def _opened(self) -> VectorFile | None:
        if self._file is not None and not self._file.is_there:
            self._file.close()
            self._file = None
        if self._file is None:
            try:
                self._file = VectorFile.open(self._path)
            except VectorsDamaged:
                return None  # the process that makes the vectors begins anew
        return self._file


def _near_to(file: VectorFile, places: Sequence[int]) -> list[Near]:
    vector = file.middle(places)
    return [near for near in file.nearest(vector) if near.similarity > file.about.usual] if vector else []
