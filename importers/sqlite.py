"""SQLite files of other programs: read, never written, nothing left beside them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .tree import FileTree

if TYPE_CHECKING:
    from sqlite_utils import Database

SQLITE_HEAD = b"SQLite format 3\x00"


@contextmanager
def open_database(tree: FileTree, path: str) -> Iterator[Database]:
    """Yield a database, opened for reading only. Raises sqlite3.Error where it is damaged."""
    with tree.local(path) as local, _connected(local) as connection:
        import sqlite_utils

        yield sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    wal, shared = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    if not (wal.exists() and wal.stat().st_size):
        with closing(_connect(path, "immutable=1")) as connection:
            yield connection
    elif shared.exists():  # its program has it open
        with closing(_connect(path, "mode=ro")) as connection:
            yield connection
    else:  # SQLite would leave a -shm file
        with tempfile.TemporaryDirectory(prefix="sterna-") as folder:
            for file in (path, wal):
                shutil.copy2(file, folder)
            with closing(_connect(Path(folder) / path.name, "mode=ro")) as connection:
                yield connection


def _connect(path: Path, options: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=5)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda value: value.decode("utf-8", "replace")
    return connection
