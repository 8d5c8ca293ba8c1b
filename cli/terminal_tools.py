"""Tools on the command line: opened when a conversation has some, each call shown, and asked for on the terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from sterna.chat import NOBODY, Approval, Offer, ToolAccess, ToolAsk, ToolResult
from sterna.storage.conversations.tool_calls import ToolCall
from sterna.storage.text import clean, one_line

from .output import counted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from sterna.config import Settings
    from sterna.providers import Tool
    from sterna.tools import Toolbox

    from .context import CommandContext

MOST_SHOWN = 4_000
"""Characters of the arguments that a question shows."""
PAUSE = 0.1
"""Seconds for the text before a question or a call to reach the terminal."""
QUESTION = "Allow it? y: this call, c: this conversation, a: always, n: no, or why not"


def terminal_tools(context: CommandContext, settings: Settings) -> tuple[ToolAccess, LazyToolbox]:
    """Return the tools of a command, and their toolbox, which has to be closed.

    Nobody can be asked where standard input or standard error is no terminal.
    """
    access = ToolAccess()
    access.toolbox = toolbox = LazyToolbox(context, settings)
    is_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    access.approve = TerminalQuestions().ask if is_terminal else refuse
    return access, toolbox


def complete_tools(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the servers and built-in tools whose name begins with ``incomplete``."""
    from click.shell_completion import CompletionItem

    from sterna.config import load

    servers = load(ctx.find_root().params.get("config_dir")).mcp
    names = (*(server.name for server in servers if server.enabled), "read", "fetch", "none")
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def chosen_tools(names: Sequence[str]) -> list[str]:
    """Return the setting for the names that a person gives; ``none`` alone stands for no tools."""
    return [] if list(names) == ["none"] else list(names)


class LazyToolbox:
    """Toolbox that is loaded when the first tools are chosen, and prints each call on standard error."""

    def __init__(self, context: CommandContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._opened: Toolbox | None = None

    async def offered(self, chosen: Sequence[str]) -> Offer:
        """Return the tools of the ``chosen`` names."""
        return await self._toolbox().offered(chosen)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        allowed: Tool | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> ToolResult:
        """Print a call, and carry it out."""
        if sys.stdout.isatty():
            await asyncio.sleep(PAUSE)
        subject = one_line(ToolCall(name, arguments).subject, 100)
        click.echo(clean(f"sterna: {name} {subject}".rstrip()), err=True)
        return await self._toolbox().call(name, arguments, allowed=allowed, progress=progress)

    async def is_allowed(self, tool: Tool) -> bool:
        """Return whether the person has always allowed this tool."""
        return await self._toolbox().is_allowed(tool)

    async def allow(self, tool: Tool) -> None:
        """Note that the person always allows this tool."""
        await self._toolbox().allow(tool)

    async def aclose(self) -> None:
        """End the servers that were started."""
        if self._opened is not None:
            await self._opened.aclose()

    def _toolbox(self) -> Toolbox:
        if self._opened is None:
            from sterna.tools import open_toolbox

            self._opened = open_toolbox(self._settings, self._context.folder(), self._context.config_dir)
        return self._opened


async def refuse(ask: ToolAsk) -> Approval:
    """Say that nobody can be asked, and how the tool is allowed."""
    name = clean(ask.tool.name)
    how = f"`sterna tools allow {name}` allows it always."
    click.echo(f"sterna: {name} was not called: without a terminal nobody can be asked. {how}", err=True)
    return Approval("no", NOBODY)


class TerminalQuestions:
    """Questions on the terminal, one at a time."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def ask(self, ask: ToolAsk) -> Approval:
        """Return the answer that the person types."""
        async with self._lock:
            await asyncio.sleep(PAUSE)
            click.echo(_shown(ask), err=True)
            while True:
                click.echo(f"{QUESTION}: ", err=True, nl=False)
                line = await _line()
                if line is None:
                    return Approval("no")
                if (answer := _answer(line.strip())) is not None:
                    return answer


def _shown(ask: ToolAsk) -> str:
    """Return what is asked, with all arguments as far as a screen holds them."""
    arguments = clean(ToolCall(ask.tool.name, ask.arguments).arguments_text)
    hidden = len(arguments) - MOST_SHOWN
    if hidden > 0:
        arguments = f"{arguments[:MOST_SHOWN]}\n… {counted(hidden, 'character')} more"
    lines = [f"The model asks for {clean(ask.tool.name)}: {one_line(ask.tool.description, 200)}".rstrip(": ")]
    lines += [f"    {line}" for line in arguments.splitlines()]
    return "\n" + "\n".join(lines)


def _answer(text: str) -> Approval | None:
    """Return the meaning of a line; None for an empty one. What is no answer is the reason for a no."""
    match text.lower():
        case "":
            return None
        case "y" | "yes":
            return Approval("once")
        case "c" | "conversation":
            return Approval("conversation")
        case "a" | "always":
            return Approval("always")
        case "n" | "no":
            return Approval("no")
    return Approval("no", text)


async def _line() -> str | None:
    """Return the next line of the terminal, without a thread that would keep the command from ending; None at its end.

    A terminal hands over whole lines.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        loop.remove_reader(descriptor)
        try:
            content = os.read(descriptor, 4096)
        except OSError:
            content = b""
        if not arrived.done():
            arrived.set_result(content)

    loop.add_reader(descriptor, read)
    try:
        content = await arrived
    finally:
        loop.remove_reader(descriptor)
    return content.decode("utf-8", "replace") if content else None
