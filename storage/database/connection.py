"""The connection, the write transaction, and SQLite's errors turned into sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from .. import ids
from ..clock import Clock, stamp, utc_now
from ..errors import StoreError
from ..records import Change
from .sqlite_errors import explain

BUSY_MS = 5000
ROWS_A_STATEMENT = 400
"""Times the columns of any table, these are fewer than the 32,766 values that SQLite takes in a statement."""


def connect(path: Path | str, *, busy_ms: int = BUSY_MS, private_index: bool = False) -> sqlite3.Connection:
    """Return a connection with the pragmas of a Sterna file that need no write. The file exists already.

    ``path`` may be a URI (``file:…``). Text that is not UTF-8, as a damaged disk or another program leaves it, is read
    with U+FFFD in place of what cannot be read: one byte must not hide a history. ``private_index`` keeps the index of
    the journal in memory, for this connection alone.
    """
    uri = isinstance(path, str)
    db = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, cached_statements=400, uri=uri)
    db.row_factory = sqlite3.Row
    db.text_factory = readable
    try:
        if private_index:
            db.execute("pragma locking_mode = exclusive")  # counts only before the first read, and other pragmas read
        db.execute("pragma foreign_keys = on")
        db.execute("pragma recursive_triggers = off")  # some builds of SQLite turn them on
        db.execute("pragma synchronous = full")
        db.execute("pragma cache_size = -8000")  # KiB; the default 2 MB holds not even the upper pages of a large index
    except BaseException:
        db.close()
        raise
    return db


def readable(raw: bytes) -> str:
    """Return the text of these bytes, with U+FFFD for what is not UTF-8."""
    return raw.decode("utf-8", "replace")


class Database:
    """One connection to a history: the clock, queries, and the one way to write.

    ``reconnect`` returns a connection that can write, for a history that was opened for reading; it is asked before
    each write while :attr:`read_only` is set.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        clock: Clock = utc_now,
        token: ids.Token = ids.base36,
        read_only: StoreError | None = None,
        reconnect: Callable[[], sqlite3.Connection] | None = None,
    ) -> None:
        self.connection = connection
        self.path = path
        self.clock = clock
        self.token = token
        self.read_only = read_only
        """Why nothing can be written, while that is so."""
        self.on_commit: Callable[[Change], None] | None = None
        """Called in the store's thread after each commit that touched a conversation."""
        self.before_commit: list[Callable[[], None]] = []
        """Called at the end of each write, inside of its transaction."""
        self._reconnect = reconnect
        self._user_id = ""
        self._depth = 0
        self._began: datetime | None = None
        self._touched: set[str] = set()

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        self.connection.close()

    @property
    def user_id(self) -> str:
        """Return ``profiles.id`` of this file's account. A sign-in, in any process, changes it."""
        if self.one("select 1 from profiles where id = :id", id=self._user_id) is None:
            row = self.one("select id from profiles limit 1")
            self._user_id = row["id"] if row else self._user_id
        return self._user_id

    @user_id.setter
    def user_id(self, user_id: str) -> None:
        self._user_id = user_id

    def now(self) -> datetime:
        """Return the clock's time; inside a write, the time at which it began, as in any SQL transaction."""
        return self._began if self._began is not None else self.clock()

    def stamp(self) -> str:
        """Return :meth:`now` as the schema stores it."""
        return stamp(self.now())

    def touch(self, *session_ids: str) -> None:
        """Remember conversations that this write changes; listeners hear of them after it is kept."""
        self._touched.update(session_ids)

    @contextmanager
    def write(self) -> Iterator[None]:
        """Run one transaction: all of it is stored, or nothing. A write inside a write joins it.

        ``begin immediate``, because a read that turns into a write fails at once when two processes meet.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self.require_writable()
        try:
            self.execute("begin immediate")
            self._depth, self._began = 1, self.clock()
            self.execute("update write_context set now = :now", {"now": stamp(self._began)})
            yield
            for prepare in self.before_commit:
                prepare()
            self.execute("update write_context set now = null")
            self.execute("commit")
        except BaseException as error:
            self._touched.clear()
            if self._depth:
                self._undo()
            if isinstance(error, sqlite3.Error) and (sentence := explain(error, self.path)) is not None:
                raise sentence from error
            raise
        finally:
            self._depth, self._began = 0, None
        touched, self._touched = frozenset(self._touched), set()
        if touched and self.on_commit is not None:
            self.on_commit(Change(sessions=touched))

    @property
    def is_writing(self) -> bool:
        """Return whether a write is open."""
        return self._depth > 0

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads inside see the same moment, whatever other processes write meanwhile."""
        if self.connection.in_transaction:
            yield
            return
        self.execute("begin")
        try:
            yield
        finally:
            self.execute("rollback")

    def require_writable(self) -> None:
        """Raise why nothing can be written, unless it can be written by now."""
        if self.read_only is None:
            return
        if self._reconnect is None:
            raise type(self.read_only)(str(self.read_only))
        connection = self._reconnect()
        self.connection.close()
        self.connection, self.read_only = connection, None

    def data_version(self) -> int:
        """Return a number that changes when another connection commits."""
        version: int = self.execute("pragma data_version").fetchone()[0]
        return version

    def version(self) -> tuple[int, int]:
        """Return a pair that changes with every write of any connection."""
        return self.data_version(), self.connection.total_changes

    def _undo(self) -> None:
        """Roll back, however often somebody ends what is being done. SQLite has done it already after some errors."""
        while self.connection.in_transaction:
            try:
                self.execute("rollback")
            except sqlite3.OperationalError as error:
                if "interrupted" not in str(error):
                    raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run a part of a write that can fail by itself: an exception undoes only this part, and is raised."""
        self.execute("savepoint part")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.execute("rollback to part")
                self.execute("release part")
            raise
        self.execute("release part")

    @contextmanager
    def applying(self) -> Iterator[None]:
        """Write rows as they are: none is captured for sync, counted as usage or given a new time."""
        self.execute("update write_context set applying = 1")
        yield
        self.execute("update write_context set applying = 0")  # after an exception the write's rollback does this

    @contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Write many rows: the triggers of statistics, usage, capture and search leave their work to the caller."""
        self.execute("update write_context set bulk = 1")
        yield
        self.execute("update write_context set bulk = 0")

    def insert_many(self, table: str, rows: Iterable[Mapping[str, Any]], *, known: str = "") -> None:
        """Insert rows that all have the same columns, many a statement; ``known="or ignore"`` passes over known ones.

        Where a table has triggers, SQLite journals the pages that a statement touches: with one row a statement, that
        is half of the time.
        """
        rest = iter(rows)
        while some := list(islice(rest, ROWS_A_STATEMENT)):
            names = ", ".join(some[0])
            places = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * len(some))
            values = [value for row in some for value in row.values()]
            self.execute(f"insert {known} into {table} ({names}) values {places}", values)

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        """Execute one statement. Raises sqlite3.Error."""
        return self.connection.execute(sql, values)

    def create_function(self, name: str, count: int, function: Callable[..., Any], *, deterministic: bool) -> None:
        """Let statements call a Python function of ``count`` arguments."""
        self.connection.create_function(name, count, function, deterministic=deterministic)

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Execute one statement for each row of values. Raises sqlite3.Error."""
        return self.connection.executemany(sql, values)

    def one(self, sql: str, **values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        row: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def rows(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self.connection.execute(sql, values).fetchall()
