"""``sterna mcp``: serve the history to other programs on this computer."""

from __future__ import annotations

import asyncio
import secrets

import click

from sterna.storage import clean, one_line
from sterna.storage.clock import local_time

from ..context import CommandContext
from ..meaning_search import MeaningSearch
from ..output import print_json
from ..version import VERSION
from .call_log import CallLog
from .history_tools import HistoryTools


@click.group(invoke_without_command=True, short_help="Let other programs search the history (MCP).")
@click.option("--http", is_flag=True, help="Serve HTTP on this computer only, instead of standard input and output.")
@click.option("--port", type=click.IntRange(0, 65535), default=8788, show_default=True, help="Port of --http.")
@click.option(
    "--token",
    envvar="STERNA_MCP_TOKEN",
    show_envvar=True,
    help="Token of --http. Default: a new one, which is printed.",
)
@click.option("--include-private", is_flag=True, help="Include private conversations, which stay on this device.")
@click.pass_context
def mcp(context: click.Context, http: bool, port: int, token: str | None, include_private: bool) -> None:
    """Serve the history over the Model Context Protocol, for Claude Code, Codex, editors and other programs.

    They can search, list and read conversations and find related ones. They cannot change anything. Private
    conversations are left out. `sterna mcp log` lists every call.

    For Claude Code: claude mcp add sterna -- sterna mcp
    """
    if context.invoked_subcommand is not None:
        return
    command: CommandContext = context.obj
    try:
        from .server import history_server, with_token
    except ImportError as error:
        raise click.ClickException(
            f"The package for this is not installed ({error.name}). Install sterna[mcp]."
        ) from error
    with command.history():
        pass  # made or upgraded now, and what keeps it from being opened is said here
    tools = HistoryTools(command.history, MeaningSearch(command), include_private=include_private)
    server = history_server(tools, CallLog(command.folder()), VERSION)
    if not http:
        server.run("stdio")
        return
    import uvicorn

    token = token or secrets.token_urlsafe(24)
    app = with_token(server.streamable_http_app(host="127.0.0.1"), token)
    click.echo(f"Serving http://127.0.0.1:{port}/mcp with the token {token} (ctrl+c ends it).", err=True)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="on")
    asyncio.run(uvicorn.Server(config).serve())


@mcp.command("log")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def log(context: CommandContext, as_json: bool) -> None:
    """List what other programs asked of the history, oldest first.

    With --json each line has: at, client, tool, arguments, result.
    """
    empty = True
    for entry in CallLog(context.folder()).entries():
        empty = False
        if as_json:
            print_json(entry)
            continue
        arguments = entry.get("arguments")
        given = " ".join(f"{name}={value}" for name, value in arguments.items()) if isinstance(arguments, dict) else ""
        client, tool, result = (one_line(str(entry.get(name, "")), 60) for name in ("client", "tool", "result"))
        at = local_time(str(entry.get("at", "")))
        click.echo(clean(f"{at}  {client}  {tool}  {one_line(given, 200)}  → {result}"))
    if empty and not as_json:
        click.echo("No program has asked for anything yet.", err=True)
