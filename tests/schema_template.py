"""The schema, made once in a process and copied into each new file: making it anew takes ten times as long.

Programs that a test starts, and the tests of opening a file and of the schema, run every step of it.
"""

from __future__ import annotations

import atexit
import sqlite3
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from sterna.storage.clock import utc_now
from sterna.storage.database import migrations

_one_at_a_time = Lock()


@cache
def _template() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        db = sqlite3.connect(path, isolation_level=None)
        migrations.migrate(db, path, clock=utc_now, busy_ms=0)
        db.close()
        return path.read_bytes()


@cache
def _in_memory() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    atexit.register(db.close)
    migrations.apply_steps(db)
    return db


def fill(db: sqlite3.Connection) -> None:
    """Give a database in memory the schema."""
    with _one_at_a_time:
        _in_memory().backup(db)


def migrate(db: sqlite3.Connection, path: Path, **options: Any) -> bool:
    """Do as the function of this name does in ``sterna.storage``, in a new file by copying."""
    with _one_at_a_time:
        if not path.stat().st_size:
            path.write_bytes(_template())  # the connection has read nothing yet, and has no lock to lose
    return migrations.migrate(db, path, **options)
