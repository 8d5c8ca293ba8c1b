"""Toolbox: every tool that can be chosen, behind names, for turns and for pages."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sterna.chat import Offer, ToolResult
from sterna.config import McpServerSettings, Settings, config_dir
from sterna.net import uncollected
from sterna.providers import Tool

from .approvals import Approvals, approvals_of
from .definitions import SEPARATOR, fingerprint
from .errors import ToolError
from .plain_text import plain_line
from .server_thread import ServerThread
from .states import BUILT_IN, OfferedTool, ServerState

if TYPE_CHECKING:
    from .server import Server

_log = logging.getLogger(__name__)

MOST_OFFERED = 128
"""Most tools of one request: more, and providers refuse it."""
CLOSE_SECONDS = 4.0


class Toolbox:
    """Tools of the configured servers, and the built-in ones. No method raises an error.

    A server starts when it is first needed, and runs in a thread of its own.
    """

    def __init__(
        self,
        settings: Settings,
        approvals: Approvals,
        *,
        environ: Mapping[str, str] = os.environ,
        closed_folders: Sequence[Path] = (),
    ) -> None:
        self.approvals = approvals
        self._settings = settings
        self._environ = environ
        self._closed_folders = tuple(closed_folders)
        self._thread = ServerThread()
        self._servers: dict[str, Server] = {}
        self._listeners: list[tuple[Callable[[], None], asyncio.AbstractEventLoop]] = []
        self._missing = ""
        """Sentence, where the package for servers is not installed."""
        self._offered: dict[str, str] = {}
        """Fingerprint of each tool as it was last offered."""

    # Used by turns

    async def offered(self, chosen: Sequence[str]) -> Offer:
        """Return the tools of the ``chosen`` names: of servers, single tools or built-in ones."""
        names = list(dict.fromkeys(chosen))
        known = {server.name: server for server in self._settings.mcp if server.enabled}
        needed = [name for name in known if any(_server_of(each) == name for each in names)]
        found = await asyncio.gather(*(self._tools_of(known[name]) for name in needed))
        by_server = dict(zip(needed, found, strict=True))
        tools: dict[str, OfferedTool] = {}
        problems = [outcome for outcome in found if isinstance(outcome, str)]
        for name in names:
            outcome = self._built_in() if _server_of(name) not in known else by_server[_server_of(name)]
            if isinstance(outcome, str):
                continue
            matching = [tool for tool in outcome if name in (tool.name, _server_of(tool.name), BUILT_IN)]
            if not matching:
                problems.append(self._unknown(name))
            tools |= {tool.name: tool for tool in matching}
        if len(tools) > MOST_OFFERED:
            problems.append(
                f"{len(tools)} tools are chosen. The model is told of the first {MOST_OFFERED}: more are refused."
            )
        kept = list(tools.values())[:MOST_OFFERED]
        self._offered |= {tool.name: fingerprint(tool) for tool in kept}
        return Offer(tuple(tool.tool for tool in kept), tuple(problems))

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        allowed: Tool | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> ToolResult:
        """Call a tool that was offered, and return what it gives; a failure is a result, too.

        One that is another by now than the ``allowed`` one is not called.
        """
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            if progress is not None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(progress, line)

        try:
            return await self._thread.run(partial(self._call_in_thread, name, arguments, allowed, report))
        except ToolError as error:
            return ToolResult(str(error), is_error=True)
        except Exception as error:  # noqa: BLE001 - logged; a turn goes on
            _log.exception("A call of a tool failed.")
            return ToolResult(f"The call failed ({type(error).__name__}).", is_error=True)

    async def is_allowed(self, tool: Tool) -> bool:
        """Return whether the person has allowed this tool, as it is defined now, always."""
        known = self._known(tool.name)
        return known is not None and known.tool == tool and await asyncio.to_thread(self.approvals.is_allowed, known)

    async def allow(self, tool: Tool) -> None:
        """Note that the person allows this tool always, as it is defined now; an earlier definition is not allowed."""
        known = self._known(tool.name)
        if known is not None and known.tool == tool:
            with suppress(ToolError):  # the next call asks again
                await asyncio.to_thread(self.approvals.allow, known)

    # Used by screens and commands

    def servers(self) -> tuple[ServerState, ...]:
        """Return what is known of each server, the built-in tools first."""
        built_in = self._built_in()
        states = [ServerState(BUILT_IN, "Built in", "ready", "", built_in)] if built_in else []
        for settings in self._settings.mcp:
            running = self._servers.get(settings.name)
            if running is not None and running.settings == settings:
                states.append(running.state)
            elif settings.enabled and self._missing:
                states.append(ServerState(settings.name, settings.name, "failed", self._missing))
            else:
                off = "" if settings.enabled else f"It is turned off: enabled in [mcp.{settings.name}]."
                states.append(ServerState(settings.name, settings.name, "off", off))
        return tuple(states)

    async def start(self, names: Sequence[str] = ()) -> None:
        """Start these servers, or all of them; return when each is ready or has failed."""
        wanted = [each for each in self._settings.mcp if each.enabled and (not names or each.name in names)]
        await asyncio.gather(*(self._tools_of(each, again=True) for each in wanted))

    async def stop(self, names: Sequence[str]) -> None:
        """End these servers; they start again when they are needed."""
        running = [self._servers[name] for name in names if name in self._servers]
        await asyncio.gather(*(self._thread.run(server.stop) for server in running))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` in this event loop when the state of a server changes; return a function that ends that."""
        entry = (listener, asyncio.get_running_loop())
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry) if entry in self._listeners else None

    async def configure(self, settings: Settings) -> None:
        """Use other settings; servers that they change or no longer have are ended."""
        self._settings = settings
        kept = {each.name: each for each in settings.mcp if each.enabled}
        await self.stop([name for name, server in self._servers.items() if kept.get(name) != server.settings])
        self._servers = {name: server for name, server in self._servers.items() if kept.get(name) == server.settings}
        self._notify()

    async def aclose(self) -> None:
        """End every server, and what it started."""
        servers, self._servers = self._servers, {}

        async def end() -> None:
            await asyncio.gather(*(server.stop() for server in servers.values()), return_exceptions=True)

        await self._thread.close(end, CLOSE_SECONDS)

    async def _tools_of(self, settings: McpServerSettings, *, again: bool = False) -> tuple[OfferedTool, ...] | str:
        """Return the tools of a server, which is started; or a sentence that says why it has none."""
        try:
            return await self._thread.run(partial(self._tools_in_thread, settings, again))
        except ToolError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - logged; a turn goes on
            _log.exception("A server of tools failed.")
            return f"{settings.name} cannot be used ({type(error).__name__})."

    async def _tools_in_thread(self, settings: McpServerSettings, again: bool) -> tuple[OfferedTool, ...]:
        """Return the tools of a server, which is started first; for the servers' thread. Raises ToolError."""
        server = self._servers.get(settings.name)
        if server is None or server.settings != settings:
            try:
                with uncollected():
                    from .server import Server  # a second, and only where there are servers
            except ImportError as error:
                self._missing = f"MCP servers need a package that is not installed ({error.name}). Install sterna[mcp]."
                self._notify()
                raise ToolError(self._missing) from error
            server = Server(settings, self._environ, self._notify)
            self._servers[settings.name] = server
        return await server.tools(again=again)

    async def _call_in_thread(
        self, name: str, arguments: Mapping[str, Any], allowed: Tool | None, report: Callable[[str], None]
    ) -> ToolResult:
        """Call a tool that was offered; for the servers' thread. Raises ToolError."""
        if any(tool.name == name for tool in self._built_in()):
            return await self._call_built_in(name, arguments)
        settings = next((each for each in self._settings.mcp if each.name == _server_of(name) and each.enabled), None)
        if settings is None:
            raise ToolError(self._unknown(name))
        tool = next((each for each in await self._tools_in_thread(settings, False) if each.name == name), None)
        if tool is None:
            gone = " any more" if name in self._offered else ""
            raise ToolError(f"{settings.name} has no tool {plain_line(name, 64)}{gone}.")
        is_other = allowed is not None and allowed != tool.tool  # offered anew meanwhile, to another conversation
        if is_other or self._offered.get(name, fingerprint(tool)) != fingerprint(tool):
            raise ToolError(f"{settings.name} has changed what {name} is. It was not called; it is offered anew.")
        from .results import result_of

        return result_of(name, await self._servers[settings.name].call(tool.original, arguments, report))

    async def _call_built_in(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        tools = self._settings.tools
        if name == "read":
            from .reading import read

            return await asyncio.to_thread(read, arguments, tools.read, self._closed_folders)
        from .fetching import fetch

        return await fetch(arguments, tools.fetch_private, self._environ)

    def _built_in(self) -> tuple[OfferedTool, ...]:
        from .built_in import built_in

        return built_in(self._settings.tools)

    def _known(self, name: str) -> OfferedTool | None:
        return next((tool for state in self.servers() for tool in state.tools if tool.name == name), None)

    def _unknown(self, name: str) -> str:
        server = _server_of(name)
        shown = plain_line(name, 80)
        if name in ("read", "fetch"):
            return f"The tool {name} is turned off: the setting tools.{name} turns it on."
        if any(each.name == server and not each.enabled for each in self._settings.mcp):
            return f"The server {server} of {shown} is turned off."
        if any(each.name == server for each in self._settings.mcp):
            return f"The server {server} has no tool {shown}."
        return f"There is no server or tool {shown}."

    def _notify(self) -> None:
        for listener, loop in tuple(self._listeners):
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(listener)


def _server_of(name: str) -> str:
    """Return the server's part of the name of a tool; the name itself if it is a server's."""
    return name.partition(SEPARATOR)[0]


def open_toolbox(
    settings: Settings,
    data_folder: Path,
    config_folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Toolbox:
    """Return the toolbox of two folders, which ``read`` never reads. Nothing starts yet."""
    folders = (data_folder, config_dir(config_folder, environ))
    return Toolbox(settings, approvals_of(data_folder), environ=environ, closed_folders=folders)
