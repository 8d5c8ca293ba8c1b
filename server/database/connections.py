"""Connections to PostgreSQL, opened directly or through a pooler in any mode.

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
    """Turn prepared statements off for a connection through a pooler, which would run them on other connections.

    A pooler reports a process id of its own, because requests to cancel a statement have to reach it first.
    """
    row = await (await connection.execute("select pg_backend_pid() as pid", prepare=False)).fetchone()
    assert row is not None
    if row["pid"] != connection.info.backend_pid:
        connection.prepare_threshold = None


def is_direct(connection: AsyncConnection[Any]) -> bool:
    """Return whether a configured connection is one of PostgreSQL itself."""
    return connection.prepare_threshold is not None


def connect(url: str) -> Connection[tuple[Any, ...]]:
    """Open a connection without prepared statements, for a single task."""
    return psycopg.connect(url, prepare_threshold=None)
