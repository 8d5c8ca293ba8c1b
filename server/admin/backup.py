"""Backup and restore of a whole server, with PostgreSQL's pg_dump and pg_restore."""

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
    """Failure of a backup or restore; the text is a sentence for the operator."""


def backup(admin_url: str, file: Path) -> None:
    """Write a consistent copy of the database to ``file``, which is new and readable for its owner only.

    Raises BackupError, and OSError for a file that cannot be written.
    """
    with _connected(admin_url) as db:
        row = db.execute("select rolsuper or rolbypassrls from pg_roles where rolname = current_user").fetchone()
    # a role that is not superuser sees all rows by the policies of the owner
    options = [] if row == (True,) else [f"--role={OWNER}", "--enable-row-security"]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        try:
            _run("pg_dump", admin_url, "--format=custom", *options, stdout=output.fileno())
            os.fsync(output.fileno())
        except BaseException:
            file.unlink(missing_ok=True)
            raise


def restore(admin_url: str, file: Path, *, app_role: str = "", server_role: str = "") -> None:
    """Restore ``file`` into an empty database, in one transaction.

    Raises BackupError, and MigrationError for a backup of a newer program.
    """
    with file.open("rb") as dump, _connected(admin_url) as db:
        if dump.read(5) != b"PGDMP":
            raise BackupError(f"{file} is not a backup of a server.")
        row = db.execute(
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('public', 'auth', 'sterna'))"
        ).fetchone()
        if row == (True,):
            raise BackupError("This database is not empty. Restore into a new one. Nothing was changed.")
        _prepare(db)
    _run("pg_restore", admin_url, "--exit-on-error", "--single-transaction", str(file))
    migrate(admin_url, app_role=app_role, server_role=server_role)


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with connect(url) as db:
            yield db
    except psycopg.Error as error:
        raise BackupError(f"The database reported an error ({type(error).__name__}).") from None


def _prepare(db: psycopg.Connection) -> None:
    """Create the roles and database settings that a backup does not contain, as schema/00_auth.sql does."""
    for name in (OWNER, *ROLES):
        if not db.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
            db.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
    if db.execute("select pg_has_role(%s, 'usage')", (OWNER,)).fetchone() != (True,):
        db.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER)))
    database = sql.Identifier(db.info.dbname)
    db.execute(sql.SQL("grant create on database {} to {}").format(database, sql.Identifier(OWNER)))
    db.execute(sql.SQL("alter database {} set timezone = 'UTC'").format(database))
    db.execute(sql.SQL("alter database {} set jit = off").format(database))


def _run(name: str, url: str, *options: str, stdout: int | None = None) -> None:
    """Run a program of PostgreSQL on ``url``; the password is not visible to other users of the computer."""
    parameters = conninfo_to_dict(url)
    environ = {**os.environ, **({"PGPASSWORD": str(parameters.pop("password"))} if "password" in parameters else {})}
    try:
        command = client_program(name)
    except PostgresError as error:
        raise BackupError(str(error)) from None
    done = subprocess.run(
        [command, "--no-password", f"--dbname={make_conninfo('', **parameters)}", *options],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environ,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise BackupError(f"PostgreSQL's {name} failed: {lines[0]}")
