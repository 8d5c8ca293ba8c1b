"""What a turn needs to let a model call tools: a toolbox, and somebody who allows each call.

The room ``tools`` has the toolbox, and the screen or the terminal asks; this room knows neither.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from sterna.providers import Tool

TOOLS = "tools"
"""Setting of a conversation: list of the servers (``SERVER``), single tools (``SERVER__TOOL``) and built-in tools that
the model may ask for."""
NOBODY = "Nobody is here to allow it."


class ToolFile(NamedTuple):
    """File in the result of a tool."""

    name: str
    media_type: str
    content: bytes


class ToolResult(NamedTuple):
    """Result of a call."""

    text: str
    """Text without control characters, cut to a limit."""
    is_error: bool = False
    files: tuple[ToolFile, ...] = ()
    """Images and other contents; images are sent to a model that takes them."""
    whole: int = 0
    """Characters of the whole text where :attr:`text` is only its beginning; else 0."""


class Offer(NamedTuple):
    """Tools of the names that a conversation chose."""

    tools: tuple[Tool, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentence for each server that could not be reached, and each name that is none."""
    is_refused: bool = False
    """True where the provider takes no tools."""

    def details(self) -> dict[str, Any]:
        """Return what the reply's metadata says about the offer."""
        refused = {"without": ["tools"]} if self.is_refused else {}
        return refused | ({"tool_problems": list(self.problems)} if self.problems else {})


class ToolAsk(NamedTuple):
    """Question whether a tool may be called."""

    id: str
    """Id of the call in its reply."""
    session_id: str
    """Conversation; "" outside any."""
    reply_id: str
    tool: Tool
    """Tool as it was offered."""
    arguments: Mapping[str, Any]


class Approval(NamedTuple):
    """Answer to a :class:`ToolAsk`."""

    choice: Literal["once", "conversation", "always", "no"]
    reason: str = ""
    """Sentence for the model, with ``no``."""


Approve = Callable[[ToolAsk], Awaitable[Approval]]
"""Question to the person; it is cancelled when the reply is stopped."""


class Toolbox(Protocol):
    """Tools of the configured servers, and the built-in ones. No method raises anything but ``CancelledError``."""

    async def offered(self, chosen: Sequence[str]) -> Offer:
        """Return the tools of the ``chosen`` names. It takes no longer than the time limit of a server's start."""
        ...

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        allowed: Tool | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> ToolResult:
        """Call a tool that was offered. It ends within its time limit, and when it is cancelled.

        ``allowed`` is the tool that the person was asked about: one that is another by now is not called. ``progress``
        is called with a line of plain text when the server tells how far it is.
        """
        ...

    async def is_allowed(self, tool: Tool) -> bool:
        """Return whether the person has allowed this tool, as it is defined now, always."""
        ...

    async def allow(self, tool: Tool) -> None:
        """Note that the person allows this tool always, as it is defined now, on this computer."""
        ...


class ToolAccess:
    """What the turns of this process can call, and whom they ask. Without a toolbox no tools are offered."""

    def __init__(self) -> None:
        self.toolbox: Toolbox | None = None
        self.approve: Approve | None = None
        """None: there is nobody to ask, and only tools that are always allowed are called."""
        self._allowed: set[tuple[str, str]] = set()
        """Conversations, and the tools as they were defined, that the person has allowed there."""

    async def offered(self, chosen: Sequence[str], provider: object) -> Offer:
        """Return the tools of the ``chosen`` names; none where the provider takes none."""
        if not chosen or self.toolbox is None:
            return Offer()
        if not getattr(provider, "takes_tools", True):
            return Offer(is_refused=True)
        return await self.toolbox.offered(chosen)

    async def is_allowed(self, ask: ToolAsk) -> bool:
        """Return whether an earlier answer allows a call."""
        return _key(ask) in self._allowed or (self.toolbox is not None and await self.toolbox.is_allowed(ask.tool))

    async def answer(self, ask: ToolAsk) -> Approval:
        """Ask the person, and remember the answer."""
        if self.approve is None:
            return Approval("no", NOBODY)
        answer = await self.approve(ask)
        if answer.choice == "conversation":
            self._allowed.add(_key(ask))
        elif answer.choice == "always" and self.toolbox is not None:
            await self.toolbox.allow(ask.tool)
        return answer


def _key(ask: ToolAsk) -> tuple[str, str]:
    return ask.session_id, json.dumps(ask.tool, sort_keys=True, default=str)
