"""Thread of its own for a file of vectors, which would hold up the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sterna.storage import VectorFile

T = TypeVar("T")
NICENESS = 10
"""Amount by which a thread that works gently lowers its priority."""


class FileThread:
    """Thread that opens, uses and closes one file. ``gently``: at low priority."""

    def __init__(self, name: str, *, gently: bool = False) -> None:
        self._executor = ThreadPoolExecutor(1, name, initializer=_lower_priority if gently else None)

    async def call(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, called in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def close(self, file: VectorFile | None) -> None:
        """Close the file, if there is one, and end the thread; both happen also if this is cancelled meanwhile."""
        try:
            if file is not None:
                await asyncio.shield(self.call(file.close))
        finally:
            self._executor.shutdown(wait=False)


def _lower_priority() -> None:
    """Let the calling thread leave the processor to others."""
    with suppress(OSError, AttributeError):  # the priority of a thread is a thing of Linux
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
