"""One MCP server: started when it is needed, used by every conversation, started again after its end.

Everything here runs in the event loop of the servers' thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import anyio
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED, CallToolResult, Implementation, ToolListChangedNotification

from sterna.config import McpServerSettings

from .addresses import address_streams
from .definitions import Definitions, Listed, definitions, source_of
from .errors import ToolError
from .failures import own_sentence, reason_of
from .plain_text import plain_line
from .programs import program_streams
from .screening import Screened
from .states import OfferedTool, Phase, ServerState
from .throttle import Throttle

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MOST_LISTED = 1_000
MOST_PAGES = 50
MOST_ROUNDS = 1
MOST_PROGRESS = 200
"""Lines of progress of one call that are passed on."""

# it logs whole messages of servers, at any length
logging.getLogger("mcp").setLevel(logging.CRITICAL)


class Server:
    """Server of one table of the settings."""

    def __init__(self, settings: McpServerSettings, environ: Mapping[str, str], changed: Callable[[], None]) -> None:
        self.settings = settings
        self._environ = environ
        self._changed = changed
        self._run: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._over: asyncio.Event | None = None
        self._scope: anyio.CancelScope | None = None
        self._client: Client | None = None
        self._is_stale = False
        self._last_words = ""
        self._retry_at = -math.inf
        """Time of the loop before which no other start is tried after one that failed, unless somebody asks for it."""
        self.state = ServerState(settings.name, settings.name, "off")

    async def tools(self, *, again: bool = False) -> tuple[OfferedTool, ...]:
        """Return the tools, of a server that runs. Raises ToolError.

        After a start that failed, ``again`` says that another is tried at once.
        """
        await self._ready(again)
        if self._is_stale and self._client is not None:
            try:
                with anyio.fail_after(self.settings.start_timeout):
                    await self._list(self._client)
            except Exception as error:
                raise ToolError(
                    f"{self.settings.name} does not list its tools. {reason_of(error, self.settings.url)}"
                ) from error
        return self.state.tools

    async def call(
        self, tool: str, arguments: Mapping[str, Any], report: Callable[[str], None] | None, *, is_first: bool = True
    ) -> CallToolResult:
        """Call a tool by its name at the server. Raises ToolError."""
        await self._ready(False)
        client, name = self._client, self.settings.name
        if client is None:
            raise ToolError(self.state.problem or f"{name} has ended.")
        left = MOST_PROGRESS

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            nonlocal left
            left -= 1
            if report is not None and left >= 0:
                report(_progress_line(progress, total, message))

        try:
            with anyio.fail_after(self.settings.timeout):
                return await client.call_tool(tool, dict(arguments), progress_callback=tell)
        except TimeoutError:
            raise ToolError(f"{name} did not answer within {self.settings.timeout:g} seconds.") from None
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                await self.stop()
                raise ToolError(
                    f"The call was cut off: {self._last_words or plain_line(error.message, 300)}"
                ) from error
            if error.message == "Session terminated" and is_first:  # it was started again, and did not take the call
                await self.stop()
                return await self.call(tool, arguments, report, is_first=False)
            raise ToolError(f"{name} refuses the call: {plain_line(error.message, 500)}") from error
        except Exception as error:
            raise ToolError(f"{name} gave no result that can be read. {reason_of(error, self.settings.url)}") from error

    async def stop(self) -> None:
        """End the server; it is started again when it is needed."""
        if self._over is not None:
            self._over.set()
        if self._scope is not None and self._started is not None and not self._started.done():
            self._scope.cancel()
        await self._ending()

    async def _ending(self) -> None:
        if self._run is not None:
            await asyncio.wait((self._run,))

    async def _ready(self, again: bool) -> None:
        """Wait until the server has started and listed its tools. Raises ToolError."""
        loop = asyncio.get_running_loop()
        if self._run is not None and self._over is not None and self._over.is_set():
            if not again and loop.time() < self._retry_at:
                raise ToolError(self.state.problem)
            await self._ending()
        if self._run is None or self._run.done():
            if not again and loop.time() < self._retry_at:
                raise ToolError(self.state.problem)
            self._started = loop.create_future()
            self._over = asyncio.Event()
            self._run = asyncio.create_task(self._live(self._started, self._over))
        assert self._started is not None
        await asyncio.shield(self._started)

    async def _live(self, started: asyncio.Future[None], over: asyncio.Event) -> None:
        """Run the server from its start to its end."""
        name, limit, loop = self.settings.name, self.settings.start_timeout, asyncio.get_running_loop()
        began = loop.time()
        self._last_words = ""
        self._tell("starting")

        def fail(problem: str) -> None:
            if not started.done():
                # a turn that waited in vain is followed by one that does not
                self._retry_at = 2 * loop.time() - began
                self._tell("failed", problem)
                started.set_exception(ToolError(problem))
                started.exception()  # nobody may be waiting for it

        def give_up() -> None:
            over.set()
            fail(f"{name} did not start within {limit:g} seconds.")
            scope.cancel()

        alarm = loop.call_later(limit, give_up)
        problem = ""
        try:
            with anyio.CancelScope() as scope:
                self._scope = scope
                async with self._connected(over) as client:
                    await self._list(client)
                    alarm.cancel()
                    self._client = client
                    self._tell("ready", self.state.problem)
                    started.set_result(None)
                    await over.wait()
        except Exception as error:  # noqa: BLE001 - libraries of networks, processes and JSON raise anything
            what = f"{name} {'has ended' if started.done() else 'does not start'}"
            problem = own_sentence(error) or f"{what}. {reason_of(error, self.settings.url)}"
        finally:
            alarm.cancel()
            self._client = None
        self._last_words = self._last_words or problem
        fail(self._last_words or f"{name} was ended while it started.")
        if self.state.state != "failed":
            self._tell("off", self._last_words)

    @asynccontextmanager
    async def _connected(self, over: asyncio.Event) -> AsyncGenerator[Client]:
        async def told(message: object) -> None:
            if isinstance(message, ToolListChangedNotification):
                self._is_stale = True

        client = Client(
            self._transport(over),
            cache=None,
            client_info=Implementation(name="sterna", version=version("sterna")),
            message_handler=told,
            input_required_max_rounds=MOST_ROUNDS,
        )
        async with client:
            yield client

    @asynccontextmanager
    async def _transport(self, over: asyncio.Event) -> AsyncGenerator[TransportStreams]:
        def ended(sentence: str) -> None:
            self._last_words = sentence
            over.set()

        throttle = Throttle()
        if self.settings.url:
            streams = address_streams(self.settings, self._environ, throttle)
        else:
            streams = program_streams(self.settings, self._environ, throttle, ended)
        async with streams as (incoming, outgoing):
            yield Screened(incoming, self.settings.tools), outgoing

    async def _list(self, client: Client) -> None:
        """Ask for the tools and keep their definitions."""
        self._is_stale = False
        listed: list[Listed] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            listed += [
                Listed(
                    tool.name,
                    tool.title or "",
                    tool.description or "",
                    tool.input_schema,
                    bool(tool.annotations and tool.annotations.read_only_hint),
                )
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if cursor is None or len(listed) >= MOST_LISTED:
                break
        found = definitions(self.settings.name, source_of(self.settings), listed, self.settings.tools)
        self._keep(found, _title(self.settings.name, client.server_info))

    def _keep(self, found: Definitions, title: str) -> None:
        self.state = self.state._replace(title=title, tools=found.tools, problem=found.problem)
        self._changed()

    def _tell(self, phase: Phase, problem: str = "") -> None:
        self.state = self.state._replace(state=phase, problem=problem)
        self._changed()


def _title(name: str, info: Implementation | None) -> str:
    """Return the name in the settings with the one that the server gives itself, which may be another's."""
    given = plain_line((info.title or info.name) if info is not None else "", 60)
    if not given or given.lower() == name.lower():
        return given or name
    return f"{name} ({given})"


def _progress_line(done: float, total: float | None, message: str | None) -> str:
    counted = f"{done:g} of {total:g}" if total else f"{done:g}"
    return f"{counted}: {plain_line(message, 200)}" if message else counted
