"""Database of the server that an administrative command works on, and options that these commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ..context import CommandContext

SERVER_FOLDER = "server"
"""Folder of the embedded PostgreSQL in the data folder."""
DATABASE = click.option(
    "--database-url",
    envvar="STERNA_SERVE_DATABASE_URL",
    help="The server's PostgreSQL (default: the embedded one in the data folder).",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def command_context(ctx: click.Context) -> CommandContext:
    """Return the folders of the command."""
    return ctx.find_object(CommandContext) or CommandContext(None, None)


def serve_option(ctx: click.Context, name: str) -> str | None:
    """Return the value of an option of ``sterna serve`` itself."""
    return next((value for parent in _parents(ctx) if (value := parent.params.get(name))), None)


def database_url(ctx: click.Context, own: str | None) -> str | None:
    """Return the URL of the database for the role of the server's own work; None for the embedded one."""
    return (
        serve_option(ctx, "service_url") or serve_option(ctx, "admin_url") or own or serve_option(ctx, "database_url")
    )


def embedded_url(data_dir: Path) -> str:
    """Return the URL of the embedded PostgreSQL, which is started if necessary and gets the schema."""
    from sterna.server.database.migrations import MigrationError
    from sterna.server.settings import ServerSettings
    from sterna.server.setup import ServeError, install, with_database

    try:
        settings = with_database(ServerSettings(data_dir=data_dir / SERVER_FOLDER))
        install(settings)
    except (ServeError, MigrationError) as error:
        raise click.ClickException(str(error)) from error
    return settings.server_url


def _parents(ctx: click.Context) -> Iterator[click.Context]:
    parent = ctx.parent
    while parent is not None:
        yield parent
        parent = parent.parent
