"""Preparation of the database: an own or an embedded one, with the schema installed."""

from __future__ import annotations

import secrets
from dataclasses import replace
from subprocess import SubprocessError

import psycopg

from .database import embedded
from .database.connections import connect
from .database.migrations import migrate, require_writable, role_of
from .settings import ServerSettings

JWT_SECRET = "jwt"


class ServeError(Exception):
    """Failure to start the server; the text is a sentence for the operator that says what to do."""


def install(settings: ServerSettings) -> str:
    """Bring the schema up to date; return the secret that signs tokens, generated when there is none.

    Raises MigrationError, and psycopg.OperationalError for an unreachable database.
    """
    admin = settings.admin_url or settings.database_url
    migrate(admin, **login_roles(settings))
    if settings.jwt_secret:
        return settings.jwt_secret
    with connect(settings.server_url) as db:
        require_writable(db)
        db.execute("set local role service_role")
        # of several servers that start at once, one creates it and all read it
        db.execute(
            "insert into sterna.secrets (name, value) values (%s, %s) on conflict (name) do nothing",
            (JWT_SECRET, secrets.token_urlsafe(48)),
        )
        row = db.execute("select value from sterna.secrets where name = %s", (JWT_SECRET,)).fetchone()
    assert row is not None
    return str(row[0])


def login_roles(settings: ServerSettings) -> dict[str, str]:
    """Return the login roles for :func:`migrate`; "" is the installing role."""
    admin = settings.admin_url or settings.database_url
    urls = {"app_role": settings.database_url, "server_role": settings.server_url}
    return {name: "" if url == admin else role_of(url) for name, url in urls.items()}


def with_database(settings: ServerSettings) -> ServerSettings:
    """Return ``settings`` with the URLs of their own database or of the embedded one, started. Raises ServeError."""
    if settings.database_url:
        try:
            parameters = psycopg.conninfo.conninfo_to_dict(settings.database_url)
        except psycopg.ProgrammingError:
            parameters = {"host": "@"}
        host = str(parameters.get("host") or "")
        # a name that begins with @ and continues is an abstract socket of Linux
        if host == "@" or "@" in host[1:]:
            raise ServeError("The database address is not valid. Example: postgresql://user:password@host:5432/name")
        return settings
    folder = settings.data_dir / "postgres"
    try:
        running = embedded.start(folder)
    except OSError as error:
        raise ServeError(
            f"The folder {folder} cannot be used ({error.strerror}). Set another one with --data-dir."
        ) from error
    except embedded.PostgresError as error:
        raise ServeError(str(error)) from error
    except (SubprocessError, psycopg.Error) as error:
        raise ServeError(
            f"The embedded PostgreSQL in {folder} does not answer. See its log: {folder / 'log'}"
        ) from error
    return replace(settings, database_url=running.url, admin_url=running.admin_url, service_url=running.service_url)
