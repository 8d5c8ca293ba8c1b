"""``sterna serve backup`` and ``restore``: everything of a server in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sterna.storage import clean

from .context import Place
from .serve_user import said_above
from .server_packages import server_packages

if TYPE_CHECKING:
    from sterna.server.settings import ServerSettings

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Back up the server to a file.")
@click.argument("file", type=FILE)
@click.pass_context
def backup(context: click.Context, file: Path) -> None:
    """Write accounts and conversations to FILE, which must not exist yet. The server may run meanwhile.

    FILE holds every password's hash and the key that signs tokens: keep it as you keep the server.
    """
    with _database(context, file) as settings:
        from sterna.server.admin.backup import backup as write

        write(settings.admin_url or settings.database_url, file)
    click.echo(clean(f"Everything is in {file}, {file.stat().st_size:,} bytes."))


@click.command(short_help="Restore the server from a backup.")
@click.argument("file", type=FILE)
@click.pass_context
def restore(context: click.Context, file: Path) -> None:
    """Put what FILE has into an empty database: that of a new data folder, or a new one at --database-url."""
    with _database(context, file) as settings:
        from sterna.server.admin.backup import restore as read
        from sterna.server.setup import login_roles

        read(settings.admin_url or settings.database_url, file, **login_roles(settings))
    click.echo(clean(f"Everything of {file} is there. `sterna serve` serves it."))


@contextmanager
def _database(context: click.Context, file: Path) -> Iterator[ServerSettings]:
    """Where the database is. What goes wrong is a sentence and exit code 1."""
    with server_packages():
        from sterna.server.admin.backup import BackupError
        from sterna.server.database.migrations import MigrationError
        from sterna.server.database.postgres_programs import PostgresError
        from sterna.server.settings import ServerSettings
        from sterna.server.setup import ServeError, with_database
    url, admin, service = (said_above(context, name) or "" for name in ("database_url", "admin_url", "service_url"))
    place = context.find_object(Place) or Place(None, None)
    folder = Path() if url else place.folder() / "server"
    try:
        yield with_database(ServerSettings(database_url=url, admin_url=admin, service_url=service, data_dir=folder))
    except (BackupError, MigrationError, PostgresError, ServeError) as error:
        raise click.ClickException(str(error)) from error
    except FileExistsError as error:
        raise click.ClickException(f"{file} exists already; it stays as it is. Name another file.") from error
    except OSError as error:
        raise click.ClickException(f"{file} cannot be used ({error.strerror}).") from error
