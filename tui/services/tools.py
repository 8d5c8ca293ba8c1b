"""Tools of the running app: its toolbox, and the questions whether one may be called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .tool_questions import ToolQuestions

if TYPE_CHECKING:
    from sterna.chat import Turns
    from sterna.config import Settings

    from .tool_servers import ToolServers

ToolsFactory = Callable[["Settings"], Awaitable["ToolServers"]]


class Tools:
    """One per application; without a factory no tool is offered."""

    def __init__(self, factory: ToolsFactory | None) -> None:
        self._factory = factory
        self.questions = ToolQuestions()
        self.toolbox: ToolServers | None = None
        """None before the start, and without a factory."""

    async def start(self, turns: Turns, settings: Settings) -> None:
        """Give the toolbox to the turns, and let them ask here. No server is started yet."""
        turns.tools.approve = self.questions.approve
        if self._factory is not None:
            self.toolbox = turns.tools.toolbox = await self._factory(settings)

    async def configure(self, settings: Settings) -> None:
        """Follow other settings; servers that have changed are stopped."""
        if self.toolbox is not None:
            await self.toolbox.configure(settings)

    async def close(self) -> None:
        """Stop the servers."""
        if self.toolbox is not None:
            await self.toolbox.aclose()
