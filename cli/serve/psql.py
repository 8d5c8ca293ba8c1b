"""``sterna serve psql``: PostgreSQL's shell on the server's database."""

from __future__ import annotations

import subprocess

import click

from .database import SERVER_FOLDER, command_context, serve_option
from .packages import server_packages


@click.command(
    short_help="Open PostgreSQL's shell on the database.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Open psql on the server's database, as the role that installs the schema. ARGUMENTS are passed to psql.

    The embedded PostgreSQL is started if it is not running. Changes are not checked: make a backup first.
    """
    with server_packages():
        from sterna.server.database.postgres_programs import PostgresError, client_program
        from sterna.server.settings import ServerSettings
        from sterna.server.setup import ServeError, with_database
    url, admin = serve_option(ctx, "database_url") or "", serve_option(ctx, "admin_url") or ""
    data_dir = command_context(ctx).folder() / SERVER_FOLDER
    try:
        settings = with_database(ServerSettings(database_url=url, admin_url=admin, data_dir=data_dir))
        command = client_program("psql")
    except (ServeError, PostgresError) as error:
        raise click.ClickException(str(error)) from error
    ctx.exit(subprocess.run([command, settings.admin_url or url, *arguments], check=False).returncode)
