"""What is known of the servers, for pages and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sterna.providers import Tool

BUILT_IN = "built-in"
"""Name of the tools that need no server, among those of servers."""

Phase = Literal["off", "starting", "ready", "failed"]


class OfferedTool(NamedTuple):
    """Tool that a conversation can choose."""

    name: str
    """Name by which it is chosen and called: ``SERVER__TOOL``."""
    title: str
    description: str
    parameters: Mapping[str, Any]
    """JSON schema of an object, its arguments."""
    original: str = ""
    """Its name at the server."""
    source: str = ""
    """Hash of what answers its calls: the command or the address of the server."""
    changes_nothing: bool = False
    """Whether the server says that it only reads. It may lie."""

    @property
    def tool(self) -> Tool:
        """Return the tool as a model is told of it."""
        return Tool(self.name, self.description, self.parameters)


class ServerState(NamedTuple):
    """Server, and what it offers."""

    name: str
    title: str
    state: Phase
    problem: str = ""
    """Sentence: why it failed, or what of it is left out."""
    tools: tuple[OfferedTool, ...] = ()
    """Those of its last start; they are not forgotten when it ends."""
