"""Everything of a server in one file, and a server from such a file: PostgreSQL's own pg_dump and pg_restore."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ..database.connections import connect
from ..database.migrations import ROLES, migrate
from ..database.postgres_programs import PostgresError, client_program

OWNER = "sterna_owner"


class BackupError(Exception):
    """It could not be done; the text is a sentence for a person."""


def backup(admin_url: str, file: Path) -> None:
    """Write everything in the database to ``file``, new and its owner's alone, as it is at one instant.

    Raises BackupError, and OSError for a file that cannot be written.
    """
    with _connected(admin_url) as db:
        row = db.execute("select rolsuper or rolbypassrls from pg_roles where rolname = current_user").fetchone()
    # who is no superuser sees every row as the owner, by the policies for the owner
    seeing = [] if row == (True,) else [f"--role={OWNER}", "--enable-row-security"]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        try:
            _run("pg_dump", admin_url, "--format=custom", *seeing, stdout=written.fileno())
            os.fsync(written.fileno())
        except BaseException:
            file.unlink(missing_ok=True)
            raise


def restore(admin_url: str, file: Path, *, app_role: str = "", server_role: str = "") -> None:
    """Put what ``file`` has into a database in which nothing is yet; all of it or nothing.

    Raises BackupError, and MigrationError for a backup of a newer program.
    """
    with file.open("rb") as given, _connected(admin_url) as db:
        if given.read(5) != b"PGDMP":
            raise BackupError(f"{file} is no backup of a server.")
        row = db.execute(
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('public', 'auth', 'sterna'))"
        ).fetchone()
        if row == (True,):
            raise BackupError("This database is not empty; nothing was changed. Restore into a new one.")
        _prepare(db)
    _run("pg_restore", admin_url, "--exit-on-error", "--single-transaction", str(file))
    migrate(admin_url, app_role=app_role, server_role=server_role)


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with connect(url) as db:
            yield db
    except psycopg.Error as error:
        raise BackupError(f"The database does not answer as it should ({type(error).__name__}).") from None


def _prepare(db: psycopg.Connection) -> None:
    """What belongs to no database, or to it as a whole, is in no backup (schema/00_auth.sql says the same)."""
    for name in (OWNER, *ROLES):
        if not db.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
            db.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
    if db.execute("select pg_has_role(%s, 'usage')", (OWNER,)).fetchone() != (True,):
        db.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER)))
    this = sql.Identifier(db.info.dbname)
    db.execute(sql.SQL("grant create on database {} to {}").format(this, sql.Identifier(OWNER)))
    db.execute(sql.SQL("alter database {} set timezone = 'UTC'").format(this))
    db.execute(sql.SQL("alter database {} set jit = off").format(this))


def _run(name: str, url: str, *options: str, stdout: int | None = None) -> None:
    """A program of PostgreSQL's at ``url``, whose password other people on the machine do not see."""
    said = conninfo_to_dict(url)
    environ = {**os.environ, **({"PGPASSWORD": str(said.pop("password"))} if "password" in said else {})}
    try:
        command = client_program(name)
    except PostgresError as error:
        raise BackupError(str(error)) from None
    done = subprocess.run(
        [command, "--no-password", f"--dbname={make_conninfo('', **said)}", *options],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environ,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise BackupError(f"PostgreSQL's {name} failed: {lines[0]}")
