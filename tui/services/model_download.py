"""Download of a model, which goes on while its page is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sterna.providers import Catalog
    from sterna.providers.downloads import Progress

SHOW_SECONDS = 0.25
"""Time between two drawings of the progress."""


class ModelDownload:
    """One download; ``changed`` is called when there is something new to show, the end included."""

    def __init__(self, catalog: Catalog, ref: str, changed: Callable[[], None]) -> None:
        self.ref = ref
        """Model; once it is there, as its provider lists it."""
        self.state: Literal["running", "done", "failed", "stopped"] = "running"
        self.progress: Progress | None = None
        self.problem = ""
        """Sentence about a download that failed."""
        self._catalog = catalog
        self._changed = changed
        self._work: asyncio.Task[None] | None = None

    @property
    def share(self) -> float:
        """Part of the known bytes that is there."""
        progress = self.progress
        return progress.completed / progress.total if progress is not None and progress.total else 0.0

    @property
    def short(self) -> str:
        """What the status line says; empty once the download has ended."""
        if self.state != "running":
            return ""
        return f"downloading {self.ref.partition('/')[2]} {self.share:.0%}"

    async def run(self) -> None:
        """Download the model, to the end or until it is stopped."""
        self._work = asyncio.current_task()
        from sterna.chat import pulled_ref
        from sterna.providers import ProviderError

        shown = 0.0
        try:
            async for progress in self._catalog.downloads.pull(self.ref):
                self.progress = progress
                if (now := monotonic()) - shown >= SHOW_SECONDS:
                    shown = now
                    self._changed()
            self.ref, self.state = pulled_ref(self._catalog, self.ref), "done"
        except ProviderError as error:
            self.state, self.problem = "failed", str(error)
        except asyncio.CancelledError:
            self.state = "stopped"
            raise
        finally:
            self._changed()

    def stop(self) -> None:
        """End the download; what has come stays with the server."""
        if self._work is not None and self.state == "running":
            self._work.cancel()
