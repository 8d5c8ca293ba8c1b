"""SQLite files of other programs: read, never written, nothing left beside them."""

from __future__ import annotations

import io
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import WeakKeyDictionary

from . import json_stream
from .records import Conversation, Skipped
from .tree import FileTree

if TYPE_CHECKING:
    from sqlite_utils import Database

SQLITE_HEAD = b"SQLite format 3\x00"
BUSY_SECONDS = 5.0
LOOKING_SECONDS = 0.5
"""Seconds that a program which writes is waited for when its tables are looked up."""
_TOGETHER = 200
"""Rows that are read at once."""
_PIECE = 1 << 16
_WRITE_AHEAD = 2
"""Value of the byte at 18 where a database uses a write-ahead log."""
_COLUMNS = """
select m.name as table_name, c.name as column_name from sqlite_master m join pragma_table_info(m.name) c
where m.type = 'table' and m.sql not like 'create virtual%'
"""

_known_columns: WeakKeyDictionary[FileTree, dict[str, Mapping[str, frozenset[str]]]] = WeakKeyDictionary()
_unread: WeakKeyDictionary[FileTree, list[str]] = WeakKeyDictionary()
_known_tables: WeakKeyDictionary[Database, frozenset[str]] = WeakKeyDictionary()


@contextmanager
def open_database(tree: FileTree, path: str, busy_seconds: float = BUSY_SECONDS) -> Iterator[Database]:
    """Yield a database, opened for reading only, also while its program writes to it.

    Read with :func:`rows` and keep no cursor open while an item is yielded: it could make that program wait. Raises
    sqlite3.Error with a sentence where the file is damaged, or stays locked.
    """
    with tree.local(path) as local:
        try:
            with _connected(local, busy_seconds) as connection:
                yield _database(connection)
        except sqlite3.Error as error:
            raise _in_words(error, path) from error


def rows(
    database: Database, table: str, where: str = "", args: Sequence[Any] = (), order_by: str = "", select: str = "*"
) -> list[dict[str, Any]]:
    """Return rows of a table; none where there is no such table."""
    return list(_selected(database, table, where, args, order_by, select))


def cell(value: object) -> str:
    """Return a value of a column of texts, in which SQLite takes anything, as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else "" if value is None else str(value)


@contextmanager
def large_text(database: Database, table: str, column: str, number: int) -> Iterator[BinaryIO | None]:
    """Yield the text in a row as a file in UTF-8 where it is too large to be in memory at once, else None."""
    try:
        blob = database.conn.blobopen(table, column, number, readonly=True)
    except sqlite3.Error:  # it is no text, or damaged
        yield None
        return
    with blob:
        is_large = len(blob) > json_stream.LARGE
        is_utf8 = is_large and list(database.query("pragma encoding")) == [{"encoding": "UTF-8"}]
        yield io.BufferedReader(_Blob(blob), _PIECE) if is_utf8 else None


class _Blob(io.RawIOBase):
    def __init__(self, blob: sqlite3.Blob) -> None:
        self._blob = blob

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._blob.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def each_row(
    database: Database,
    table: str,
    convert: Callable[[dict[str, Any]], Conversation | Skipped | None],
    order_by: str = "",
    where: str = "",
    args: Sequence[Any] = (),
) -> Iterator[Conversation | Skipped]:
    """Yield what becomes of each row of a table; nothing for None. What lies in damaged pages is skipped."""
    found: list[dict[str, Any]] = []
    damaged = _collect(found, _selected(database, table, where, args, order_by))
    for row in found:
        try:
            item = convert(row)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            item = Skipped("It lies in a damaged part of the database.", str(row.get("id", "")))
        if item is not None:
            yield item
    if damaged:
        yield Skipped(f"The rest of the table {table} lies in a damaged part of the database.")


class Owned:
    """Rows of a table by the value of a column. Where that has no index, the table is gone through once."""

    def __init__(self, database: Database, table: str, column: str) -> None:
        self._database = database
        self._table = table
        self._column = column
        self._damaged = False

    @cached_property
    def _numbers(self) -> dict[object, list[int]]:
        if self._column not in self._database.table(self._table).columns_dict:
            return {}
        select = f'rowid as number, "{self._column}" as owner'
        found: list[dict[str, Any]] = []
        self._damaged = _collect(found, _selected(self._database, self._table, order_by="rowid", select=select))
        if self._damaged:  # go round the damaged page
            behind: list[dict[str, Any]] = []
            _collect(behind, _selected(self._database, self._table, order_by="rowid desc", select=select))
            last = found[-1]["number"] if found else None
            found += [row for row in reversed(behind) if last is None or row["number"] > last]
        numbers: dict[object, list[int]] = {}
        for row in found:
            numbers.setdefault(row["owner"], []).append(row["number"])
        return numbers

    @cached_property
    def _has_index(self) -> bool:
        return any(index.columns[:1] == [self._column] for index in self._database.table(self._table).indexes)

    def of(self, owner: object) -> list[dict[str, Any]]:
        """Return the rows of an owner in the order in which they were added."""
        if self._has_index and "_numbers" not in self.__dict__:
            found: list[dict[str, Any]] = []
            where = f'"{self._column}" = ?'
            if not _collect(found, _selected(self._database, self._table, where, [owner], "rowid")):
                return found
        numbers = self._numbers.get(owner, [])
        together = [numbers[place : place + _TOGETHER] for place in range(0, len(numbers), _TOGETHER)]
        return [row for some in together for row in self._some(some)]

    def skipped(self) -> Iterator[Skipped]:
        """Yield what could not be read."""
        if self._damaged:
            yield Skipped(f"Some rows of the table {self._table} lie in a damaged part of the database.")

    def _some(self, numbers: list[int]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        where = f"rowid in ({', '.join(map(str, numbers))})"
        if _collect(found, _selected(self._database, self._table, where, order_by="rowid")):
            self._damaged = True
            if len(numbers) > 1:
                return [row for number in numbers for row in self._some([number])]
        return found


def chats(
    tree: FileTree, path: str, convert: Callable[[Owned, dict[str, Any]], Conversation | Skipped | None]
) -> Iterator[Conversation | Skipped]:
    """Yield what becomes of each row of the table ``chat``, given those of ``message`` by their ``chat_id``."""
    with open_database(tree, path) as database:
        messages = Owned(database, "message", "chat_id")
        yield from each_row(database, "chat", partial(convert, messages), "id")
        yield from messages.skipped()


def databases(tree: FileTree, **tables: str) -> list[str]:
    """Return the paths of the SQLite files that have these tables, each with the columns named, a space between."""
    found = []
    for path in tree.paths:
        columns = table_columns(tree, path)
        if all(set(names.split()) <= columns.get(table, frozenset()) for table, names in tables.items()):
            found.append(path)
    return found


def newest(database: Database, table: str, value: str = "rowid") -> Any:
    """Return the largest value in a table; None where it is empty, damaged, or not there."""
    found: list[dict[str, Any]] = []
    _collect(found, _selected(database, table, select=f"max({value}) as newest"))
    return found[0]["newest"] if found else None


def table_columns(tree: FileTree, path: str) -> Mapping[str, frozenset[str]]:
    """Return the columns of each table; empty for a file that is no SQLite file, or cannot be read."""
    if not tree.head(path).startswith(SQLITE_HEAD):
        return {}
    known = _known_columns.setdefault(tree, {})
    if path not in known:
        columns: dict[str, set[str]] = {}
        try:
            with open_database(tree, path, LOOKING_SECONDS) as database:
                for row in list(database.query(_COLUMNS)):
                    columns.setdefault(row["table_name"], set()).add(row["column_name"])
        except (sqlite3.Error, OSError) as error:
            _unread.setdefault(tree, []).append(str(error))
        known[path] = {table: frozenset(names) for table, names in columns.items()}
    return known[path]


def unread_databases(tree: FileTree) -> list[str]:
    """Return a sentence for each database whose tables could not be looked up."""
    return _unread.get(tree, [])


@contextmanager
def _connected(path: Path, busy_seconds: float) -> Iterator[sqlite3.Connection]:
    wal, shared, journal = (path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))
    with path.open("rb") as file:
        write_ahead = file.read(19)[18:] == bytes([_WRITE_AHEAD])
    if write_ahead and wal.exists() and shared.exists():  # its program has it open
        with closing(_connect(path, "mode=ro", busy_seconds)) as connection:
            yield connection
    elif write_ahead and not _size(wal):  # SQLite would create both files
        with closing(_connect(path, "immutable=1", busy_seconds)) as connection:
            yield connection
    elif write_ahead:  # SQLite would create a -shm file
        with _copied(path, wal) as copy, closing(_connect(copy, "mode=rw", busy_seconds)) as connection:
            yield connection
    elif _size(journal) and _is_abandoned(path, busy_seconds):  # only a writer could undo its half transaction
        with _copied(path, journal) as copy, closing(_connect(copy, "mode=rw", busy_seconds)) as connection:
            yield connection
    else:
        with closing(_connect(path, "mode=ro", busy_seconds)) as connection:
            yield connection


def _connect(path: Path, options: str, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=busy_seconds)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda value: value.decode("utf-8", "replace")
    return connection


def _database(connection: sqlite3.Connection) -> Database:
    import sqlite_utils

    return sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_abandoned(path: Path, busy_seconds: float) -> bool:
    """Return whether the journal beside a database is that of a program that died in the middle of a transaction."""
    with closing(_connect(path, "mode=ro", busy_seconds)) as connection:
        try:
            list(_database(connection).query("select 1 from sqlite_master limit 1"))
        except sqlite3.OperationalError as error:
            return error.sqlite_errorcode in (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_CANTOPEN)
    return False


@contextmanager
def _copied(*files: Path) -> Iterator[Path]:
    """Yield a copy of a database with its log, taken while neither changed, as far as that happens in three tries."""
    with tempfile.TemporaryDirectory(prefix="sterna-") as folder:
        for _ in range(3):
            before = _states(files)
            for file in files:
                shutil.copyfile(file, Path(folder) / file.name)
            if _states(files) == before:
                break
        yield Path(folder) / files[0].name


def _states(files: Sequence[Path]) -> list[tuple[int, int]]:
    return [(state.st_mtime_ns, state.st_size) for state in (file.stat() for file in files)]


def _in_words(error: sqlite3.Error, path: str) -> sqlite3.Error:
    if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return sqlite3.OperationalError(f"{path} is in use by another program. Try again later.")
    if _is_damage(error):
        return sqlite3.DatabaseError(f"{path} is damaged: {error}.")
    return sqlite3.DatabaseError(f"{path} could not be read: {error}.")


def _selected(
    database: Database, table: str, where: str = "", args: Sequence[Any] = (), order_by: str = "", select: str = "*"
) -> Iterator[dict[str, Any]]:
    if database not in _known_tables:
        _known_tables[database] = frozenset((*database.table_names(), *database.view_names()))
    if table in _known_tables[database]:
        condition = f" where {where}" if where else ""
        order = f" order by {order_by}" if order_by else ""
        yield from database.query(f'select {select} from "{table}"{condition}{order}', args)


def _collect(found: list[dict[str, Any]], rows: Iterator[dict[str, Any]]) -> bool:
    """Add rows to a list; return whether a damaged page ended that."""
    try:
        found.extend(rows)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        return True
    return False


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
