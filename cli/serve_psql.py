"""``sterna serve psql``: PostgreSQL's own shell at the database of a server."""

from __future__ import annotations

import subprocess

import click

from .context import Place
from .serve_user import said_above
from .server_packages import server_packages


@click.command(
    short_help="Open PostgreSQL's shell at the database.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Open psql at the server's database as the role that installs; ARGUMENTS are psql's own.

    The embedded PostgreSQL is started for that when it does not run. Changes made there are checked by nobody: make a
    backup first.
    """
    with server_packages():
        from sterna.server.database.postgres_programs import PostgresError, client_program
        from sterna.server.settings import ServerSettings
        from sterna.server.setup import ServeError, with_database
    url, admin = said_above(context, "database_url") or "", said_above(context, "admin_url") or ""
    place = context.find_object(Place) or Place(None, None)
    try:
        settings = with_database(ServerSettings(database_url=url, admin_url=admin, data_dir=place.folder() / "server"))
        command = client_program("psql")
    except (ServeError, PostgresError) as error:
        raise click.ClickException(str(error)) from error
    context.exit(subprocess.run([command, settings.admin_url or url, *arguments], check=False).returncode)
