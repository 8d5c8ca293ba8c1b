"""The schema, installed file by file, all in one transaction; a database that has it already is not changed.

Each file is written so that it can be applied again. So when any of them is new or reads differently than what was
applied, all are applied in order: functions and policies are replaced, and a table changes by a new file only.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from .connections import connect

HERE = Path(__file__).parents[1] / "schema"
LOCK = 0x53544552
"""Held while the schema is applied: several servers may start at once."""

PEOPLE, SERVICE = ("anon", "authenticated"), "service_role"
ROLES = (*PEOPLE, SERVICE)

ASKS = """
select has_schema_privilege(asker, 'sterna', 'usage')
    and has_function_privilege(asker, 'sterna.standing(uuid, timestamptz, text)', 'execute')
from (select coalesce(nullif(%(role)s, ''), current_user)::name as asker) as who
"""
"""Whether a role may ask who calls before it becomes one of ROLES."""


class MigrationError(Exception):
    """The schema cannot be installed; the text is a sentence for a person that says what to do."""


def files() -> list[Path]:
    """The SQL files that make the schema, in order."""
    return sorted(HERE.glob("[0-9]*.sql"))


def migrate(admin_url: str, *, app_role: str = "", server_role: str = "") -> list[str]:
    """Bring the database to this program's schema; gives the names of the files that were applied, none when all were.

    ``app_role`` may then become anon and authenticated for a transaction, and ``server_role`` service_role; by default
    the role of ``admin_url`` may. Raises MigrationError for a database of a newer program and for a role that may not
    install, and psycopg.OperationalError when nobody answers.
    """
    with connect(admin_url) as db:
        require_writable(db)
        db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        wanted = {file.name: sha256(file.read_bytes()).hexdigest() for file in files()}
        there = _applied(db)
        if unknown := there.keys() - wanted.keys():
            raise MigrationError(
                f"The database was made by a newer Sterna (it has {min(unknown)}). Update Sterna to serve it; nothing"
                " in it was changed."
            )
        pending = [name for name, checksum in wanted.items() if there.get(name) != checksum]
        try:
            if pending:
                _apply(db, wanted)
            _let_in(db, app_role, server_role)
        except psycopg.errors.InsufficientPrivilege as error:
            said = (error.diag.message_primary or "").rstrip(".")
            raise MigrationError(
                f"The database role may not install the schema: {said}. Name one with --admin-url that owns the"
                " database and may create roles."
            ) from error
    return pending


def require_writable(db: Connection[Any]) -> None:
    """Raise MigrationError for a standby and for a database that is set to be read only."""
    row = db.execute("select current_setting('transaction_read_only') = 'on', pg_is_in_recovery()").fetchone()
    if row is not None and row[0]:
        why = "it is a standby of another server" if row[1] else "default_transaction_read_only is on"
        raise MigrationError(f"This database is read-only: {why}. Give the address of the primary, which takes writes.")


def role_of(url: str) -> str:
    """The role that a connection string names; "" when it names none."""
    return str(conninfo_to_dict(url).get("user") or "")


def _applied(db: Connection) -> dict[str, str]:
    row = db.execute("select to_regclass('sterna.schema_files') is not null").fetchone()
    if row != (True,):
        return {}
    return dict(db.execute("select name, checksum from sterna.schema_files").fetchall())


def _apply(db: Connection, wanted: dict[str, str]) -> None:
    for file in files():
        db.execute(file.read_bytes())
    db.execute("set local role sterna_owner")
    with db.cursor() as cursor:
        cursor.executemany(
            "insert into sterna.schema_files (name, checksum) values (%s, %s)"
            " on conflict (name) do update set checksum = excluded.checksum, applied_at = now()",
            list(wanted.items()),
        )
    db.execute("reset role")


def _let_in(db: Connection, app_role: str, server_role: str) -> None:
    """Grant each login role what it may become; "" is the role that installs.

    Nothing is granted twice: only a role that may not become another one yet needs the right to grant.
    """
    for login, roles in ((app_role, PEOPLE), (server_role, (SERVICE,))):
        grantee = sql.Identifier(login) if login else sql.SQL("current_user")
        for role in roles:
            if not _may_become(db, login, role):
                db.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), grantee))
    # people's requests are nobody's but theirs: what slips into their statements cannot become the server
    if app_role and app_role != server_role and _may_become(db, app_role, SERVICE):
        db.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(SERVICE), sql.Identifier(app_role)))
    row = db.execute(ASKS, {"role": app_role})
    if row.fetchone() != (True,):
        grantee = sql.Identifier(app_role) if app_role else sql.SQL("current_user")
        db.execute(sql.SQL("grant usage on schema sterna to {}").format(grantee))
        db.execute(sql.SQL("grant execute on function sterna.standing(uuid, timestamptz, text) to {}").format(grantee))


def _may_become(db: Connection, login: str, role: str) -> bool:
    # from 16 on, who makes a role is a member of it that may hand it on but not become it
    right = "set" if db.info.server_version >= 160000 else "member"
    row = db.execute("select pg_has_role(coalesce(nullif(%s, ''), current_user), %s, %s)", (login, role, right))
    return row.fetchone() == (True,)
