"""``sterna serve backup`` and ``restore``: a whole server in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sterna.storage import clean

from .database import SERVER_FOLDER, command_context, serve_option
from .packages import server_packages

if TYPE_CHECKING:
    from sterna.server.settings import ServerSettings

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Back up the server to a file.")
@click.argument("file", type=FILE)
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Back up accounts and conversations to FILE, which must not exist yet. The server can be running.

    FILE contains all password hashes and the key that signs tokens: protect it like the server.
    """
    with _database(ctx, file) as settings:
        from sterna.server.admin.backup import backup as write

        write(settings.admin_url or settings.database_url, file)
    click.echo(clean(f"Backup written: {file} ({file.stat().st_size:,} bytes)"))


@click.command(short_help="Restore the server from a backup.")
@click.argument("file", type=FILE)
@click.pass_context
def restore(ctx: click.Context, file: Path) -> None:
    """Restore FILE into an empty database: the embedded one of a new data folder, or a new one at --database-url."""
    with _database(ctx, file) as settings:
        from sterna.server.admin.backup import restore as read
        from sterna.server.setup import login_roles

        read(settings.admin_url or settings.database_url, file, **login_roles(settings))
    click.echo(clean(f"Restored from {file}. Start the server with: sterna serve"))


@contextmanager
def _database(ctx: click.Context, file: Path) -> Iterator[ServerSettings]:
    """Yield settings with the database. Errors become messages and exit code 1."""
    with server_packages():
        from sterna.server.admin.backup import BackupError
        from sterna.server.database.migrations import MigrationError
        from sterna.server.database.postgres_programs import PostgresError
        from sterna.server.settings import ServerSettings
        from sterna.server.setup import ServeError, with_database
    url, admin, service = (serve_option(ctx, name) or "" for name in ("database_url", "admin_url", "service_url"))
    folder = Path() if url else command_context(ctx).folder() / SERVER_FOLDER
    try:
        yield with_database(ServerSettings(database_url=url, admin_url=admin, service_url=service, data_dir=folder))
    except (BackupError, MigrationError, PostgresError, ServeError) as error:
        raise click.ClickException(str(error)) from error
    except FileExistsError as error:
        raise click.ClickException(f"{file} already exists and was not changed. Name another file.") from error
    except OSError as error:
        raise click.ClickException(f"{file} cannot be used ({error.strerror}).") from error
