"""A toolbox without any server: what it offers and returns is said by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sterna.chat import Offer, ToolResult
from sterna.config import Settings
from sterna.providers import Tool
from sterna.tools import Approvals, OfferedTool, ServerState

SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path"],
}


READ = OfferedTool("files__read_file", "", "Read a [b]text[/b] file.\x1b[31m", SCHEMA)
LIST = OfferedTool("files__list", "List", "List a folder.", SCHEMA)
FORECAST = OfferedTool("weather__forecast", "forecast", "", SCHEMA, "forecast")
FILES = ServerState("files", "files", "ready", tools=(READ, LIST))
WEATHER = ServerState("weather", "Weather", "failed", "The program “uvx” of [mcp.weather] was not found.")
OWN = (OfferedTool("read", "", "Read a file.", SCHEMA), OfferedTool("fetch", "", "Fetch a page.", SCHEMA))
BUILT_IN = ServerState("built-in", "Built in", "ready", tools=OWN)


@dataclass
class FakeToolbox:
    approvals: Approvals
    state: list[ServerState] = field(default_factory=lambda: [FILES, WEATHER, BUILT_IN])
    results: dict[str, ToolResult] = field(default_factory=dict)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    started: list[tuple[str, ...]] = field(default_factory=list)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    configured: list[str] = field(default_factory=list)
    is_closed: bool = False

    def __post_init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    def servers(self) -> Sequence[ServerState]:
        return self.state

    def show(self, *servers: ServerState) -> None:
        self.state = list(servers)
        for listener in list(self.listeners):
            listener()

    async def start(self, names: Sequence[str] = ()) -> None:
        self.started.append(tuple(names))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def configure(self, settings: Settings) -> None:
        self.configured = [server.name for server in settings.mcp]

    async def aclose(self) -> None:
        self.is_closed = True

    async def offered(self, chosen: Sequence[str]) -> Offer:
        tools = [tool for server in self.state for tool in server.tools]
        wanted = [tool for tool in tools if tool.name in chosen or tool.name.partition("__")[0] in chosen]
        return Offer(tuple(Tool(tool.name, tool.description, tool.parameters) for tool in wanted))

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        allowed: Tool | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> ToolResult:
        self.calls.append((name, arguments))
        if progress is not None:
            progress("1 of 2 [b]pages\x1b[0m")
        await self.open.wait()
        return self.results.get(name, ToolResult("four terns"))

    async def is_allowed(self, tool: Tool) -> bool:
        return tool.name in self.approvals.allowed()

    async def allow(self, tool: Tool) -> None:
        self.approvals.allow(OfferedTool(tool.name, "", tool.description, tool.parameters))
