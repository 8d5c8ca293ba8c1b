"""PostgreSQL 18 in a folder: nothing to install, nobody else can connect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .postgres_process import SUPERUSER, PostgresError, Postmaster

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

_started: dict[Path, Postmaster] = {}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running PostgreSQL."""

    folder: Path
    socket: str

    @property
    def admin_url(self) -> str:
        """The superuser's, for installing the schema."""
        return self._url(SUPERUSER, DATABASE)

    @property
    def url(self) -> str:
        """What people's requests use: a role that can do nothing but become a person for a transaction."""
        return self._url(APP, DATABASE)

    @property
    def service_url(self) -> str:
        """What the server's own work uses, such as sign-in."""
        return self._url(SERVICE, DATABASE)

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(self.socket, safe='')}"


def is_running(folder: Path) -> bool:
    """Whether a PostgreSQL answers for ``folder``."""
    return _postmaster(folder).is_running()


def start(folder: Path) -> Embedded:
    """Start PostgreSQL on ``folder``, made when missing, or find the one that already runs there.

    It ends with this process, unless another process uses it too. Raises PostgresError, and OSError for a folder that
    cannot be used.
    """
    import psycopg

    postmaster = _postmaster(folder)
    postmaster.start(CONF)
    found = Embedded(folder, postmaster.socket)
    with psycopg.connect(found._url(SUPERUSER, "postgres"), autocommit=True) as db:
        # of several processes that find it new, one makes what is missing
        db.execute("select pg_advisory_lock(1)")
        for role in (APP, SERVICE):
            if not db.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone():
                db.execute(f"create role {role} login noinherit")
        if not db.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
            db.execute(f"create database {DATABASE}")
    return found


def stop(folder: Path) -> None:
    """Have no more to do with it; it ends when no other process uses it."""
    if (postmaster := _started.pop(folder.absolute(), None)) is not None:
        postmaster.leave()


def _postmaster(folder: Path) -> Postmaster:
    return _started.setdefault(folder.absolute(), Postmaster(folder.absolute()))
