"""Names of tools: of which server one is, and how many a conversation has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sterna.tools import ServerState


def tool_names(name: str) -> tuple[str, str]:
    """Return the server and the tool of a name; a tool of Sterna itself has no server."""
    server, separator, tool = name.partition("__")
    return (server, tool) if separator and tool else ("", name)


def offers(server: ServerState, name: str) -> bool:
    """Return whether a chosen name is this server or one of its tools."""
    return name == server.name or tool_names(name)[0] == server.name or any(name == tool.name for tool in server.tools)


def chosen_count(chosen: Sequence[str], servers: Sequence[ServerState]) -> tuple[int, int]:
    """Return how many tools are chosen, and how many servers of which the tools are not known yet."""
    known = {server.name: server for server in servers if server.tools}
    whole = [name for name in dict.fromkeys(chosen) if name in known]
    tools = {tool.name for name in whole for tool in known[name].tools}
    named = {server.name for server in servers}
    unknown = [name for name in dict.fromkeys(chosen) if name in named and name not in known]
    single = {name for name in chosen if name not in whole and name not in unknown}
    return len(tools | single), len(unknown)
