"""Watching of folders in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class FolderWatch:
    """Sets an event when something below some folders changes; ``is_working`` says whether these can be watched."""

    def __init__(self, folders: Sequence[Path], changed: asyncio.Event) -> None:
        self.folders = folders
        self.is_working = bool(folders)
        self._changed = changed
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        if folders:
            threading.Thread(target=self._watch, name="gather.watch", daemon=True).start()

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
        if not self._stop.is_set():
            self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._changed.set)
