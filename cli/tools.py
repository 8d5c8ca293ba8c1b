"""``sterna tools``: the tools that a model may call, tried and allowed from the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sterna.chat import ToolFile
from sterna.config import Settings, load
from sterna.storage import clean, one_line, size_text
from sterna.tools import OfferedTool, ServerState, Toolbox, approvals_of, open_toolbox
from sterna.tools.errors import ToolError
from sterna.tools.states import BUILT_IN

from .context import CommandContext
from .exit_codes import FAILED, OK
from .output import counted, paint, print_json, write_text
from .output_files import new_binary


def complete_server(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the servers whose name begins with ``incomplete``."""
    context = ctx.find_object(CommandContext)
    names = [server.name for server in load(context.config_dir if context else None).mcp]
    return [CompletionItem(name) for name in (BUILT_IN, *names) if name.startswith(incomplete)]


@click.group(short_help="List, try and allow tools that the model may call.", invoke_without_command=True)
@click.pass_context
def tools(ctx: click.Context) -> int | None:
    """List, try and allow tools: those of MCP servers in config.toml, and the built-in read and fetch.

    See docs/tools.md. A TOOL is named SERVER__TOOL, as `sterna tools show SERVER` lists them.
    """
    return ctx.invoke(list_) if ctx.invoked_subcommand is None else None


@tools.command("list", short_help="List servers of tools, and what is allowed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def list_(context: CommandContext, as_json: bool = False) -> None:
    """List the servers in config.toml, the built-in tools, and the tools that are always allowed. Nothing is started.

    With --json each line has: name, source, enabled, tools (of built-in ones), allowed.
    """
    settings = _settings(context)
    toolbox = open_toolbox(settings, context.folder(), context.config_dir)
    allowed = toolbox.approvals.allowed()
    rows = [
        (state.name, "Sterna", True, [tool.name for tool in state.tools])
        for state in toolbox.servers()
        if state.name == BUILT_IN
    ]
    rows += [(server.name, " ".join((server.shown, *server.args)), server.enabled, []) for server in settings.mcp]
    for name, source, enabled, names in rows:
        its = [each for each in allowed if each in names or each.startswith(f"{name}__")]
        if as_json:
            print_json({"name": name, "source": source, "enabled": enabled, "tools": names, "allowed": its})
            continue
        notes = [", ".join(names), "" if enabled else "turned off", f"allowed: {', '.join(its)}" if its else ""]
        rest = "  ".join(filter(None, (one_line(source, 100), *notes)))
        click.echo(f"{paint(name, bold=True)}  {clean(rest)}")
    if not rows:
        click.echo("sterna: No tools yet. Add [mcp.NAME] to config.toml, as docs/tools.md says.", err=True)


@tools.command("show", short_help="Start a server and show its tools.")
@click.argument("server", shell_complete=complete_server)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(context: CommandContext, server: str, as_json: bool) -> None:
    """Start SERVER, show its tools with their arguments, and end it. built-in stands for read and fetch.

    With --json the object has: name, title, problem, tools (each: name, title, description, parameters, allowed).
    """
    state = asyncio.run(_state(context, server))
    allowed = approvals_of(context.folder())
    if as_json:
        listed = [_object(tool) | {"allowed": allowed.is_allowed(tool)} for tool in state.tools]
        print_json({"name": state.name, "title": state.title, "problem": state.problem, "tools": listed})
        return
    if state.problem:
        click.echo(clean(f"sterna: {state.problem}"), err=True)
    for tool in state.tools:
        note = paint("  always allowed", fg="green") if allowed.is_allowed(tool) else ""
        click.echo(paint(tool.name, bold=True) + note)
        if tool.description:
            click.echo(f"  {one_line(tool.description, 400)}")
        for name, kind, meaning in _arguments(tool):
            click.echo(clean(f"    {name}: {kind}{f' - {meaning}' if meaning else ''}"))
    click.echo(clean(f"{counted(len(state.tools), 'tool')} of {state.title}"), err=True)


@tools.command("try", short_help="Call a tool and print its result.")
@click.argument("tool")
@click.argument("arguments", required=False, default="{}")
@click.option("--save", type=click.Path(path_type=Path, file_okay=False), help="Save images and other files here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def try_(context: CommandContext, tool: str, arguments: str, save: Path | None, as_json: bool) -> int:
    """Call TOOL with ARGUMENTS, a JSON object, and print the result. Exit code 1 means that the tool failed.

    With --json the object has: text, is_error, whole, files (each: name, media_type, size).
    """
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise click.UsageError(f"The arguments are not JSON ({error}).") from None
    if not isinstance(given, dict):
        raise click.UsageError("""The arguments have to be a JSON object, as in '{"path": "notes.txt"}'.""")
    return asyncio.run(_try(context, tool, given, save, as_json))


async def _try(context: CommandContext, name: str, arguments: dict[str, Any], save: Path | None, as_json: bool) -> int:
    def progress(line: str) -> None:
        if sys.stderr.isatty():
            click.echo(clean(line, newlines=False), err=True)

    async with _opened(context) as toolbox:
        result = await toolbox.call(name, arguments, progress=progress)
    files = [{"name": file.name, "media_type": file.media_type, "size": len(file.content)} for file in result.files]
    if as_json:
        print_json({"text": result.text, "is_error": result.is_error, "whole": result.whole, "files": files})
    else:
        write_text(f"{result.text}\n")
    if save is not None:
        for file in result.files:
            _save(save, file)
    return FAILED if result.is_error else OK


def _save(folder: Path, file: ToolFile) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be created ({error.strerror}).") from error
    with new_binary(folder / file.name, force=False) as part:
        part.write_bytes(file.content)
    click.echo(clean(f"Saved {folder / file.name} ({size_text(len(file.content))})."), err=True)


@tools.command("allow", short_help="Allow a tool always, without a question.")
@click.argument("tool")
@click.pass_obj
def allow(context: CommandContext, tool: str) -> None:
    """Allow TOOL in every conversation on this computer. If its server changes what it is, it asks again."""
    state = asyncio.run(_state(context, tool.partition("__")[0]))
    found = next((each for each in state.tools if each.name == tool), None)
    if found is None:
        raise click.ClickException(f"There is no tool {tool}. See: sterna tools show SERVER")
    try:
        approvals_of(context.folder()).allow(found)
    except ToolError as error:
        raise click.ClickException(str(error)) from error
    click.echo(clean(f"{found.name} is always allowed: {one_line(found.description, 200)}"))


@tools.command("forget", short_help="Let tools ask again.")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Forget every tool that is allowed.")
@click.pass_obj
def forget(context: CommandContext, names: tuple[str, ...], everything: bool) -> None:
    """Let tools ask again that were always allowed. NAMES are tools, or servers for all of theirs."""
    approvals = approvals_of(context.folder())
    if everything == bool(names):
        raise click.UsageError("Name tools or servers, or give --all.")
    try:
        forgotten = [each for name in names or tuple(approvals.allowed()) for each in approvals.forget(name)]
    except ToolError as error:
        raise click.ClickException(str(error)) from error
    click.echo(clean(f"{', '.join(forgotten)} will ask again.") if forgotten else "None of these was allowed.")


def _settings(context: CommandContext) -> Settings:
    """Return the settings, and print their problems. One of a provider is none of the tools': no model is asked."""
    settings = context.read_settings()
    for problem in settings.problems:
        click.echo(clean(f"sterna: {problem}"), err=True)
    return settings


@asynccontextmanager
async def _opened(context: CommandContext) -> AsyncIterator[Toolbox]:
    toolbox = open_toolbox(_settings(context), context.folder(), context.config_dir)
    try:
        yield toolbox
    finally:
        await toolbox.aclose()


async def _state(context: CommandContext, name: str) -> ServerState:
    """Return what is known of a server that was started, and has ended. Raises ClickException."""
    async with _opened(context) as toolbox:
        name = BUILT_IN if name in ("read", "fetch") else name
        await toolbox.start([name])
        state = next((each for each in toolbox.servers() if each.name == name), None)
    if state is None and name == BUILT_IN:
        raise click.ClickException("The built-in tools are off. The settings tools.read and tools.fetch turn them on.")
    if state is None:
        raise click.ClickException(f"There is no server {name}. See: sterna tools list")
    if state.state != "ready":
        raise click.ClickException(state.problem or f"{name} has ended.")
    return state


def _object(tool: OfferedTool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }


def _arguments(tool: OfferedTool) -> list[tuple[str, str, str]]:
    """Return name, kind and meaning of each argument."""
    required = tool.parameters.get("required")
    rows = []
    for name, schema in tool.parameters["properties"].items():
        given = schema if isinstance(schema, dict) else {}
        kind = one_line(str(given.get("type") or "any value"), 60)
        if not isinstance(required, list) or name not in required:
            kind += ", optional"
        rows.append((one_line(str(name), 60), kind, one_line(str(given.get("description") or ""), 200)))
    return rows
