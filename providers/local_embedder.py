"""Embedder on this computer for a command: a static model, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from .static_model import StaticModel, find_model, load_model


class LocalEmbedder:
    """Static model; make it with :meth:`load`."""

    is_remote = False

    def __init__(self, model: StaticModel, thread: ThreadPoolExecutor) -> None:
        self.key = model.key
        self._model = model
        self._thread = thread

    @classmethod
    async def load(cls, name: str) -> LocalEmbedder:
        """Return the embedder of the package, or of a folder. Raises EmbedderError."""
        thread = ThreadPoolExecutor(1, "meaning")
        try:
            model = await asyncio.get_running_loop().run_in_executor(thread, lambda: load_model(find_model(name)))
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(model, thread)

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a unit vector for each text; empty for a text of which no token is known."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._model.embed, texts)

    async def aclose(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)
