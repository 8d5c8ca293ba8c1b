"""Installation of the schema: all files in one transaction. A database that is up to date is not changed.

Each file is repeatable. When one of them is new or differs from what was applied, all are applied in order: functions
and policies are replaced, and a table changes by a new file only.
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

MAY_LOOK_UP_CALLERS = """
select has_schema_privilege(name, 'sterna', 'usage')
    and has_function_privilege(name, 'sterna.standing(uuid, timestamptz, text)', 'execute')
from (select coalesce(nullif(%(role)s, ''), current_user)::name as name) as login
"""
"""Query for whether a role may look up callers before it acts as one of ROLES."""


class MigrationError(Exception):
    """Failure to install the schema; the text is a sentence for the operator that says what to do."""


def files() -> list[Path]:
    """Return the SQL files of the schema, in order."""
    return sorted(HERE.glob("[0-9]*.sql"))


def migrate(admin_url: str, *, app_role: str = "", server_role: str = "") -> list[str]:
    """Bring the database to this program's schema; return the names of new or changed files.

    ``app_role`` may then act as anon and authenticated for a transaction, and ``server_role`` as service_role; by
    default the role of ``admin_url`` may. Raises MigrationError for a database of a newer program and for a role that
    may not install, and psycopg.OperationalError when the database cannot be reached.
    """
    with connect(admin_url) as db:
        require_writable(db)
        db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        checksums = {file.name: sha256(file.read_bytes()).hexdigest() for file in files()}
        applied = _applied(db)
        if unknown := applied.keys() - checksums.keys():
            raise MigrationError(
                f"The database was made by a newer Sterna (it has {min(unknown)}). Update Sterna to serve it. Nothing"
                " was changed."
            )
        pending = [name for name, checksum in checksums.items() if applied.get(name) != checksum]
        try:
            if pending:
                _apply(db, checksums)
            _grant_roles(db, app_role, server_role)
        except psycopg.errors.InsufficientPrivilege as error:
            reason = (error.diag.message_primary or "").rstrip(".")
            raise MigrationError(
                f"The database role may not install the schema: {reason}. Set --admin-url to a role that owns the"
                " database and may create roles."
            ) from error
    return pending


def require_writable(db: Connection[Any]) -> None:
    """Raise MigrationError for a standby and for a database that is set to be read only."""
    row = db.execute("select current_setting('transaction_read_only') = 'on', pg_is_in_recovery()").fetchone()
    if row is not None and row[0]:
        reason = "it is a standby of another server" if row[1] else "default_transaction_read_only is on"
        raise MigrationError(f"This database is read-only: {reason}. Use the address of the primary.")


def role_of(url: str) -> str:
    """Return the role in a connection string; "" without one."""
    return str(conninfo_to_dict(url).get("user") or "")


def _applied(db: Connection) -> dict[str, str]:
    row = db.execute("select to_regclass('sterna.schema_files') is not null").fetchone()
    if row != (True,):
        return {}
    return dict(db.execute("select name, checksum from sterna.schema_files").fetchall())


def _apply(db: Connection, checksums: dict[str, str]) -> None:
    for file in files():
        db.execute(file.read_bytes())
    db.execute("set local role sterna_owner")
    with db.cursor() as cursor:
        cursor.executemany(
            "insert into sterna.schema_files (name, checksum) values (%s, %s)"
            " on conflict (name) do update set checksum = excluded.checksum, applied_at = now()",
            list(checksums.items()),
        )
    db.execute("reset role")


def _grant_roles(db: Connection, app_role: str, server_role: str) -> None:
    """Grant each login role the roles that it may act as; "" is the installing role.

    Nothing is granted twice, so that an up-to-date database needs no right to grant.
    """
    for login, roles in ((app_role, PEOPLE), (server_role, (SERVICE,))):
        grantee = sql.Identifier(login) if login else sql.SQL("current_user")
        for role in roles:
            if not _may_act_as(db, login, role):
                db.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), grantee))
    # SQL injected into a request must not be able to act as the server
    if app_role and app_role != server_role and _may_act_as(db, app_role, SERVICE):
        db.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(SERVICE), sql.Identifier(app_role)))
    row = db.execute(MAY_LOOK_UP_CALLERS, {"role": app_role})
    if row.fetchone() != (True,):
        grantee = sql.Identifier(app_role) if app_role else sql.SQL("current_user")
        db.execute(sql.SQL("grant usage on schema sterna to {}").format(grantee))
        db.execute(sql.SQL("grant execute on function sterna.standing(uuid, timestamptz, text) to {}").format(grantee))


def _may_act_as(db: Connection, login: str, role: str) -> bool:
    # since version 16 the creator of a role is a member that may grant it, but not act as it
    right = "set" if db.info.server_version >= 160000 else "member"
    row = db.execute("select pg_has_role(coalesce(nullif(%s, ''), current_user), %s, %s)", (login, role, right))
    return row.fetchone() == (True,)
