"""Embedded PostgreSQL 18, in a folder and without an installation; only the owner of the folder can connect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .postgres_process import SUPERUSER, PostgresProcess
from .postgres_programs import PostgresError

__all__ = ["APP", "DATABASE", "SERVICE", "SUPERUSER", "Embedded", "PostgresError", "is_running", "start", "stop"]

APP = "sterna_app"
SERVICE = "sterna_service"
DATABASE = "sterna"

CONF = """
# written by Sterna: only the owner of this folder connects, through the socket in it
listen_addresses = ''
unix_socket_permissions = 0700
timezone = 'UTC'
log_timezone = 'UTC'
"""

_started: dict[Path, PostgresProcess] = {}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running PostgreSQL."""

    folder: Path
    socket: str

    @property
    def admin_url(self) -> str:
        """Connection string of the superuser, who installs the schema."""
        return self._url(SUPERUSER, DATABASE)

    @property
    def url(self) -> str:
        """Connection string for requests: its role can only act as an account for a transaction."""
        return self._url(APP, DATABASE)

    @property
    def service_url(self) -> str:
        """Connection string for the server's own work, such as sign-in."""
        return self._url(SERVICE, DATABASE)

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(self.socket, safe='')}"


def is_running(folder: Path) -> bool:
    """Return whether PostgreSQL serves ``folder``."""
    return _process(folder).is_running()


def start(folder: Path) -> Embedded:
    """Start PostgreSQL on ``folder``, which is created when missing, or connect to the one that runs there.

    It stops with this process, unless another process uses it too. Raises PostgresError, and OSError for an unusable
    folder.
    """
    import psycopg

    process = _process(folder)
    process.start(CONF)
    running = Embedded(folder, process.socket)
    with psycopg.connect(running._url(SUPERUSER, "postgres"), autocommit=True) as db:
        # of several processes that start at once, one creates what is missing
        db.execute("select pg_advisory_lock(1)")
        for role in (APP, SERVICE):
            if not db.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone():
                db.execute(f"create role {role} login noinherit")
        if not db.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
            db.execute(f"create database {DATABASE}")
    return running


def stop(folder: Path) -> None:
    """Stop using PostgreSQL on ``folder``, which stops it unless another process uses it."""
    if (process := _started.pop(folder.absolute(), None)) is not None:
        process.release()


def _process(folder: Path) -> PostgresProcess:
    return _started.setdefault(folder.absolute(), PostgresProcess(folder.absolute()))
