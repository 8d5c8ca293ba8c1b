"""Embedder on this computer in a process of its own, at low priority: whoever answers keys never waits for it."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .embedder import EmbedderError

MOST_BYTES = 64 * 1024 * 1024
"""Longest answer of the process."""
END_SECONDS = 1.0
COMMAND = (sys.executable, "-P", "-m", "sterna.providers.embedding_worker")


class ProcessEmbedder:
    """Static model in another process; make it with :meth:`start`. A process that ended is begun anew when needed."""

    is_remote = False

    def __init__(self, name: str) -> None:
        self.key = ""
        self._name = name
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    @classmethod
    async def start(cls, name: str) -> ProcessEmbedder:
        """Return the embedder of the package, or of a folder. Raises EmbedderError."""
        embedder = cls(name)
        try:
            async with embedder._lock:
                await embedder._begin()
        except BaseException:
            await embedder.aclose()
            raise
        return embedder

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a unit vector for each text; empty for a text of which no token is known. Raises EmbedderError."""
        asking = asyncio.ensure_future(self._embed(list(texts)))
        asking.add_done_callback(_noticed)
        return await asyncio.shield(asking)  # an answer that nobody waits for is read all the same

    async def _embed(self, texts: list[str]) -> list[bytes]:
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                await self._begin()
            return [b64decode(vector) for vector in await self._ask(texts)]

    async def aclose(self) -> None:
        """End the process."""
        await self._end()

    async def _begin(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MOST_BYTES,
                start_new_session=True,  # ctrl+c is for the program that shows keys
            )
        except OSError as error:
            raise EmbedderError(f"No process for the model could be started ({error.strerror}).") from None
        self.key = (await self._ask(self._name))["key"]

    async def _ask(self, value: object) -> Any:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(value).encode() + b"\n")
            await process.stdin.drain()
            answer = json.loads(await process.stdout.readline())
        except (OSError, ValueError):
            await self._end()
            raise EmbedderError("The process with the model ended. It is started again when it is needed.") from None
        if isinstance(answer, dict) and "error" in answer:
            raise EmbedderError(answer["error"])
        return answer

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(ProcessLookupError):
            process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()


def _noticed(asking: asyncio.Future[list[bytes]]) -> None:
    """Take note of an error, which whoever asked may not wait for any more."""
    if not asking.cancelled():
        asking.exception()
