"""Toolbox as the screens use it. For type checking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sterna.chat import Toolbox
from sterna.config import Settings
from sterna.tools import Approvals, ServerState


class ToolServers(Toolbox, Protocol):
    """Toolbox whose servers can be listed and started (``sterna.tools.Toolbox``)."""

    @property
    def approvals(self) -> Approvals:
        """Tools that are allowed always, in a file: ask for them outside the event loop."""

    def servers(self) -> Sequence[ServerState]:
        """Return every server as it is now, without asking it."""

    async def start(self, names: Sequence[str] = ()) -> None:
        """Start these servers, or all of them; return when each is ready or has failed."""

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` when a state has changed; return a function that ends it."""

    async def configure(self, settings: Settings) -> None:
        """Follow other settings."""

    async def aclose(self) -> None:
        """Stop every server."""
