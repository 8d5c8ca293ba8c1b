"""Watching of folders in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

FIRST_SECONDS = 3.0


class FolderWatch:
    """Tells when something below some folders changes; where that cannot be watched, ``is_working`` says so."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.is_working = bool(folders)
        self._is_new = True
        self._changed = asyncio.Event()
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        if folders:
            threading.Thread(target=self._watch, name="gather.watch", daemon=True).start()

    async def wait(self, seconds: float) -> bool:
        """Return whether something changed since the last call; wait for it at most so long.

        The first wait is short: what changed before the watch began is not told.
        """
        seconds, self._is_new = min(seconds, FIRST_SECONDS) if self._is_new else seconds, False
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def _watch(self) -> None:
        try:
            from watchfiles import watch

            for _ in watch(
                *self.folders,
                watch_filter=None,
                stop_event=self._stop,
                rust_timeout=1_000,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._tell()
        except Exception:  # noqa: BLE001 - too many folders, or a system that cannot watch
            pass
        self.is_working = False
        self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._changed.set)
