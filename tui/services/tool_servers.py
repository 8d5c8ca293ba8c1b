"""Servers of tools as the screens see them: which there are, how they are, and what they offer. For type checking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from sterna.chat.tools import Toolbox
from sterna.config import Settings


class OfferedTool(Protocol):
    """Tool of a server."""

    @property
    def name(self) -> str:
        """Name by which it is chosen and called."""

    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of its arguments."""


class ServerState(Protocol):
    """State of a server."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def state(self) -> Literal["off", "starting", "ready", "failed"]: ...
    @property
    def problem(self) -> str:
        """Sentence that says why it failed."""

    @property
    def tools(self) -> Sequence[OfferedTool]: ...


class ToolServers(Toolbox, Protocol):
    """Toolbox whose servers can be listed and started."""

    def servers(self) -> Sequence[ServerState]:
        """Return every server as it is now, without asking it."""

    async def start(self, names: Sequence[str] = ()) -> None:
        """Start these servers, or all of them; return when each is ready or has failed."""

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` when a state has changed; return a function that ends it."""

    def configure(self, settings: Settings) -> None:
        """Follow other settings."""

    async def aclose(self) -> None:
        """Stop every server."""
