"""A database to serve from: found or started, with the schema in it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from subprocess import SubprocessError

import psycopg

from .database import embedded
from .database.connections import connect
from .database.migrations import migrate, require_writable, role_of
from .settings import ServerSettings

SIGNED_WITH = "jwt"


class ServeError(Exception):
    """The server cannot start; the text is a sentence for a person that says what to do."""


def install(settings: ServerSettings) -> str:
    """Bring the schema up to date; gives the secret that signs tokens, made when there is none.

    Raises MigrationError, and psycopg.OperationalError when nobody answers.
    """
    admin = settings.admin_url or settings.database_url
    migrate(admin, **login_roles(settings))
    if settings.jwt_secret:
        return settings.jwt_secret
    with connect(settings.server_url) as db:
        require_writable(db)
        db.execute("set local role service_role")
        # of several servers that start at once, one makes it and all read it
        db.execute(
            "insert into sterna.secrets (name, value) values (%s, %s) on conflict (name) do nothing",
            (SIGNED_WITH, secrets.token_urlsafe(48)),
        )
        row = db.execute("select value from sterna.secrets where name = %s", (SIGNED_WITH,)).fetchone()
    assert row is not None
    return str(row[0])


def login_roles(settings: ServerSettings) -> dict[str, str]:
    """Return whom :func:`migrate` is to let in; "" is the role that installs."""
    admin = settings.admin_url or settings.database_url
    urls = {"app_role": settings.database_url, "server_role": settings.server_url}
    return {name: "" if url == admin else role_of(url) for name, url in urls.items()}


def found(settings: ServerSettings) -> ServerSettings:
    """``settings`` with a database: their own, or the embedded one, started. Raises ServeError."""
    if settings.database_url:
        try:
            told = psycopg.conninfo.conninfo_to_dict(settings.database_url)
        except psycopg.ProgrammingError:
            told = {"host": "@"}
        host = str(told.get("host") or "")
        # a name that begins with @ and is more than that is a socket of Linux
        if host == "@" or "@" in host[1:]:
            raise ServeError("The database address is not valid. Example: postgresql://user:password@host:5432/name")
        return settings
    folder = settings.data_dir / "postgres"
    try:
        running = embedded.start(folder)
    except OSError as error:
        raise ServeError(
            f"The folder {folder} cannot be used ({error.strerror}). Name another with --data-dir."
        ) from error
    except embedded.PostgresError as error:
        raise ServeError(str(error)) from error
    except (SubprocessError, psycopg.Error) as error:
        raise ServeError(
            f"The embedded PostgreSQL in {folder} does not answer. Its log is {folder / 'log'}."
        ) from error
    return replace(settings, database_url=running.url, admin_url=running.admin_url, service_url=running.service_url)
