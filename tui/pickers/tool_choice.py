"""Choice of the tools of a conversation: whole servers, and single tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..tool_names import offers

if TYPE_CHECKING:
    from sterna.tools import OfferedTool, ServerState


class ToolChoice:
    """Chosen names, in the order in which they were chosen. A server stands for all of its tools, later ones too."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    @property
    def names(self) -> tuple[str, ...]:
        """Chosen names."""
        return tuple(self._names)

    def has_server(self, server: ServerState) -> bool | None:
        """Return whether a server is chosen; None: some of its tools are."""
        if server.name in self._names:
            return True
        return None if any(offers(server, name) for name in self._names) else False

    def has_tool(self, server: ServerState, tool: OfferedTool) -> bool:
        """Return whether a tool is chosen, by its own name or by that of its server."""
        return tool.name in self._names or server.name in self._names

    def toggle_server(self, server: ServerState) -> None:
        """Choose a server with all of its tools, or nothing of it."""
        was_whole = server.name in self._names
        self._names = {name: None for name in self._names if not offers(server, name)}
        if not was_whole:
            self._names[server.name] = None

    def toggle_tool(self, server: ServerState, tool: OfferedTool) -> None:
        """Choose a tool or not; of a server that was chosen as a whole, the others are left."""
        if server.name in self._names:
            self._names.pop(server.name)
            self._names |= dict.fromkeys(other.name for other in server.tools if other.name != tool.name)
        else:
            self.toggle_name(tool.name)

    def toggle_name(self, name: str) -> None:
        """Choose a name or not, whatever is known of it here."""
        if name in self._names:
            self._names.pop(name)
        else:
            self._names[name] = None
