"""Connections to PostgreSQL as this program opens them: directly, or through a pooler in any mode.

A pooler in transaction mode hands each transaction to whichever connection is free. So nothing may live longer than a
transaction: no setting, no role, and no prepared statement. PgBouncer also refuses the startup parameter ``options``.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, Connection

IN_UTC: Final = "set_config('timezone', 'UTC', true)"
"""Part of the first statement of each transaction: times are read and written in one zone."""


async def configure(connection: AsyncConnection[Any]) -> None:
    """Prepare no statements on a connection of a pooler, which would run them where they were never prepared.

    A pooler answers with a process id of its own making, because what cancels a statement has to come to it first.
    """
    row = await (await connection.execute("select pg_backend_pid() as pid", prepare=False)).fetchone()
    assert row is not None
    if row["pid"] != connection.info.backend_pid:
        connection.prepare_threshold = None


def is_direct(connection: AsyncConnection[Any]) -> bool:
    """Return whether a connection that was configured is PostgreSQL's own."""
    return connection.prepare_threshold is not None


def connect(url: str) -> Connection[tuple[Any, ...]]:
    """Open a connection for one piece of work that prepares nothing."""
    return psycopg.connect(url, prepare_threshold=None)
