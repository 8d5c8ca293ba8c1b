"""SQLite databases in memory, of which a test may open many: they are closed when it has ended."""

from __future__ import annotations

import sqlite3

_opened: list[sqlite3.Connection] = []


def closed_at_the_end(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return ``connection``, which is closed at the end of the test that runs, after its fixtures."""
    _opened.append(connection)
    return connection


def close_all() -> None:
    """Close what was opened since the last call."""
    while _opened:
        _opened.pop().close()
