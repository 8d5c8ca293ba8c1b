"""Read-only access to a file that cannot be written: a read-only medium, missing rights, no room on the disk.

SQLite needs to write to read a file in WAL mode: it makes the index of the journal (``-shm``) beside it. Where it
cannot, three ways remain, tried in this order: an ordinary read-only connection, which sees what other processes
commit; an index in the memory of this process, which reads the journal (``-wal``) that a crash or another program left;
the file alone, as something that nobody changes.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from ..clock import Clock
from .connection import BUSY_MS, connect
from .migrations import apply_steps, is_current

_PRIVATE_INDEX = "mode=ro&vfs=unix-none"
"""Without file locks, which a read-only descriptor could not take for an index of its own."""


def connect_read_only(path: Path, *, clock: Clock, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
    """Return a connection that reads ``path`` and never writes to it.

    A file of an older schema is brought up to date in memory. Raises sqlite3.Error, OSError or StoreError as for a file
    that can be written.
    """
    db = _first_that_reads(path, busy_ms)
    try:
        if not is_current(db, path):
            db = _migrated_copy(db)
        db.execute("pragma query_only = on")
    except BaseException:
        db.close()
        raise
    return db


def _first_that_reads(path: Path, busy_ms: int) -> sqlite3.Connection:
    journal = path.with_name(f"{path.name}-wal")
    ways = ["mode=ro"]
    ways.append(_PRIVATE_INDEX if journal.exists() and journal.stat().st_size else "immutable=1")
    for number, way in enumerate(ways, start=1):
        try:
            db = connect(f"file:{quote(str(path))}?{way}", busy_ms=busy_ms, private_index=way == _PRIVATE_INDEX)
            try:
                db.execute("select 1 from sqlite_master limit 1").fetchone()
            except BaseException:
                db.close()
                raise
        except sqlite3.Error:
            if number == len(ways):
                raise
        else:
            return db
    raise AssertionError("there is always a last way")


def _migrated_copy(source: sqlite3.Connection) -> sqlite3.Connection:
    db = connect(":memory:")
    try:
        source.backup(db)
        apply_steps(db)
    except BaseException:
        db.close()
        raise
    finally:
        source.close()
    return db
