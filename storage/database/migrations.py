"""The schema, applied once per file: forward only, all pending steps in one transaction, after a copy of the file was
made.

Each file of ``schema/`` and then of ``migrations/`` is a step, recorded by name by sqlite-utils' ``Migrations``. The
number of steps applied is kept in ``pragma user_version`` too, so that opening a file that is up to date reads one
number and imports nothing.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..clock import Clock, stamp
from ..errors import StoreBusy, StoreError, StoreTooNew
from .sqlite_errors import explain
from .standard_names import use_standard_names

HERE = Path(__file__).parents[1]
STEPS = ("schema", "migrations")

APPLICATION_ID = 0x53544552
"""``STER`` in the header of the file: which program it belongs to (``pragma application_id``)."""


def steps() -> list[Path]:
    """Return the SQL files of the schema, in order."""
    return [file for folder in STEPS for file in sorted((HERE / folder).glob("[0-9]*.sql"))]


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: Python's ``executescript`` would commit an open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines()):
        raise ValueError(f"a statement of the schema does not end: {statement.strip()[:80]}")


def migrate(
    db: sqlite3.Connection, path: Path, *, clock: Clock, busy_ms: int, files: Iterable[Path] | None = None
) -> bool:
    """Bring the file to the schema of this program; True when something was applied.

    Several processes may do this at once: one applies, the others wait for it and find nothing to do.
    """
    known = list(steps() if files is None else files)
    version = _version(db, path)
    if version == len(known):
        db.execute("pragma journal_mode = wal")
        return False
    _refuse(db, path, version, len(known))

    from filelock import FileLock, Timeout  # only a file that must change pays for it

    # WAL is set before the transaction, and SQLite does not wait for a lock while it changes the journal's mode.
    try:
        with FileLock(f"{path}.migrating", timeout=max(busy_ms / 1000, 60 if busy_ms else 0), mode=0o600):
            _wal(db, path, busy_ms)
            db.execute("begin immediate")
            try:
                version = _version(db, path)
                _refuse(db, path, version, len(known))
                if version < len(known):
                    if version:
                        backup(path, version, clock)
                    _apply(db, known)
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
    except Timeout:
        raise StoreBusy(f"Another Sterna is still changing {path}. Wait for it to finish, then start again.") from None
    return version < len(known)


def is_current(db: sqlite3.Connection, path: Path) -> bool:
    """Return True for a file with the schema of this program. Raises StoreTooNew; StoreError for a foreign file."""
    version, known = _version(db, path), len(steps())
    _refuse(db, path, version, known)
    return version == known


def apply_steps(db: sqlite3.Connection) -> None:
    """Bring a copy in memory to the schema of this program."""
    db.execute("begin")
    _apply(db, steps())
    db.execute("commit")


def backup(path: Path, version: int, clock: Clock) -> Path:
    """Copy the file as it was last committed, next to it; gives the copy's path.

    Called while this process holds the write lock: nobody can commit between the copy and the change.
    """
    copy = path.with_name(f"{path.stem}.backup-{version}-{stamp(clock())[:19].replace(':', '')}.db")
    os.close(os.open(copy, os.O_CREAT | os.O_RDWR, 0o600))
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
    except BaseException:
        copy.unlink(missing_ok=True)  # half a copy would be taken for a whole one
        raise
    finally:
        source.close()
        target.close()
    return copy


def _version(db: sqlite3.Connection, path: Path) -> int:
    version: int = db.execute("pragma user_version").fetchone()[0]
    owner = db.execute("pragma application_id").fetchone()[0]
    if owner != APPLICATION_ID and (version or db.execute("select exists (select 1 from sqlite_master)").fetchone()[0]):
        raise StoreError(f"{path} is a database of another program. Name another file or folder for Sterna.")
    return version


def _refuse(db: sqlite3.Connection, path: Path, version: int, known: int) -> None:
    if version > known:
        raise StoreTooNew(f"{path} was written by a newer Sterna. Update Sterna to open it; nothing in it was changed.")


def _wal(db: sqlite3.Connection, path: Path, busy_ms: int) -> None:
    deadline = time.monotonic() + busy_ms / 1000
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if time.monotonic() >= deadline or not isinstance(explain(error, path), StoreBusy):
                raise
            time.sleep(0.01)  # SQLite's own waiting does not cover this pragma


def _apply(db: sqlite3.Connection, known: list[Path]) -> None:
    from sqlite_utils import Database, Migrations

    use_standard_names(db)
    pending = Migrations("sterna")
    for file in known:
        pending(name=f"{file.parent.name}/{file.stem}")(_step(file))
    pending.apply(Database(db, recursive_triggers=False, execute_plugins=False))
    db.execute(f"pragma user_version = {len(known):d}")
    db.execute(f"pragma application_id = {APPLICATION_ID:d}")


class _step:  # noqa: N801 - a function that needs a name of its own
    def __init__(self, file: Path) -> None:
        self.__name__ = file.stem
        self._script = file.read_text("utf-8")

    def __call__(self, db: object, /) -> None:
        connection: sqlite3.Connection = db.conn  # type: ignore[attr-defined]
        for statement in statements(self._script):
            connection.execute(statement)
