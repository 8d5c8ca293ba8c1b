"""Work on the vectors of a history: they are made batch by batch, each of which is stored before the next begins.

What a crash interrupts is done again. One process at a time does it, however many windows there are.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sterna.config.files import ProcessLock
from sterna.providers.embedder import Embedder, EmbedderError
from sterna.providers.text_parts import parts
from sterna.providers.unrelated_texts import measure
from sterna.storage import Meaning, StoreError, VectorFile, VectorsDamaged
from sterna.storage.meaning.meaning import Work
from sterna.storage.meaning.vector_file import About, Part

from .file_thread import FileThread

AT_ONCE = 64
"""Texts for which the model is asked at once."""

Run = Callable[..., Awaitable[Any]]
"""``StoreThread.run``, or the same for a command that has the store itself."""


class AlreadyBuilding(Exception):
    """Another process makes the vectors."""


class VectorsDeleted(StoreError):
    """The vectors were deleted, or others took their place, while this process made them."""


class Builder:
    """Vectors of a history, as they are made; :meth:`open` it first. ``gently``: at low priority."""

    def __init__(self, run: Run, embedder: Embedder, path: Path, *, gently: bool) -> None:
        self._run = run
        self._embedder = embedder
        self._path = path
        self._lock = ProcessLock(path.with_name(f"{path.name}.lock"))
        self._thread = FileThread("meaning.file", gently=gently)
        self._file: VectorFile | None = None
        self._newest = 0
        """Newest message, when it was last looked for."""

    async def open(self) -> None:
        """Go on with the vectors that are there, or begin anew where they are those of another model or history.

        Raises AlreadyBuilding, EmbedderError, StoreError.
        """
        if not self._lock.try_acquire():
            raise AlreadyBuilding
        file = await self._thread.call(self._opened)
        if file is not None and file.about.model == self._embedder.key and await self._is_ours(file.about):
            self._file = file
            return
        if file is not None:
            await self._thread.call(file.close)
        size, usual = await measure(self._embedder)
        name = os.urandom(8).hex()
        newest = await self._run(Meaning.begin, name)
        about = About(self._embedder.key, name, size, newest, newest, usual)
        self._file = await self._thread.call(lambda: VectorFile.create(self._path, about))

    async def step(self) -> bool:
        """Make the vectors of some messages; return False when there is nothing to do.

        Raises EmbedderError, StoreError.
        """
        file = self._file
        assert file is not None, "open() first"
        if not file.is_there:
            raise VectorsDeleted("The vectors were deleted. They are made anew at the next start, if it is on.")
        work = await self._run(Meaning.next_work, file.about.top, file.about.bottom)
        if work is None:
            return False
        self._newest = work.newest
        made = await self._vectors(work, file.about.size)
        await self._thread.call(lambda: file.put(work.places, made, top=work.top, bottom=work.bottom))
        await self._run(Meaning.finish, work)
        return True

    async def count(self) -> int:
        """Return how many vectors there are: one for each part of a message."""
        return await self._thread.call(self._file.count) if self._file is not None else 0

    @property
    def done(self) -> float:
        """Part of the history that has vectors, from 0 to 1."""
        return part_read(self._file.about, self._newest) if self._file is not None else 0.0

    async def close(self) -> None:
        """Let go of the file, also if this is cancelled meanwhile. What is stored stays."""
        file, self._file = self._file, None
        try:
            await self._thread.close(file)
        finally:
            self._lock.release()

    def _opened(self) -> VectorFile | None:
        try:
            return VectorFile.open(self._path)
        except VectorsDamaged:
            return None

    async def _is_ours(self, about: About) -> bool:
        return bool(await self._run(Meaning.belongs, about.name, about.top))

    async def _vectors(self, work: Work, size: int) -> list[Part]:
        pieces = [(text.place, start, piece) for text in work.texts for start, piece in parts(text.text)]
        made: list[Part] = []
        for first in range(0, len(pieces), AT_ONCE):
            some = pieces[first : first + AT_ONCE]
            vectors = await self._embedder.embed([piece for _, _, piece in some])
            if any(vector and len(vector) != 4 * size for vector in vectors):
                raise EmbedderError("The model gives vectors of another length than before.")
            made += [
                Part(place, start, len(piece), vector)
                for (place, start, piece), vector in zip(some, vectors, strict=True)
                if vector
            ]
        return made


def part_read(about: About, newest: int) -> float:
    """Return which part of a history with that newest message has vectors, from 0 to 1."""
    whole = max(about.top, newest)
    return (about.top - about.bottom) / whole if whole else 1.0
