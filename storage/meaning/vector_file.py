"""Vectors of messages, in an SQLite file of their own beside the history. It can be deleted: it is made anew.

Of each part of a message it keeps the signs of the vector's numbers, one bit each, and the numbers themselves in a byte
each. A question is compared with all signs, 32 bytes a part, by sqlite-vec; then with the numbers of the nearest ones.
sqlite-vec takes a time that grows with the number of results, so the signs are dealt out to :data:`SLOTS` slots, which
are asked for few each.

Python's own sqlite3 often cannot load extensions, so apsw opens this file; nothing else does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..errors import StoreError, StoreFull
from ..json_text import to_json

if TYPE_CHECKING:
    import apsw

FORM = 1
"""Version of the tables. A file of another version is made anew."""
SLOTS = 64
EACH = 8
"""Parts that each slot is asked for."""
BUSY_MS = 5_000
MAPPED_BYTES = 1 << 32

_TABLES = """
create table about (name text primary key, value) without rowid;
create table parts (
    id integer primary key,
    place integer not null,
    start integer not null,
    length integer not null,
    numbers blob not null
);
create index parts_place on parts (place);
create virtual table signs using vec0(id integer primary key, slot integer partition key, signs bit[{size}]);
"""
_NEAREST = """
select p.place, p.start, p.length, 1 - vec_distance_cosine(vec_int8(p.numbers), vec_int8(:numbers)) as similarity
from json_each(:ids) as wanted join parts as p on p.{column} = wanted.value
order by similarity desc
"""


class VectorsMissing(StoreError):
    """The packages for search by meaning are not installed."""


class VectorsDamaged(StoreError):
    """The file is not sound. It is deleted and made anew by whoever writes it."""


class Part(NamedTuple):
    """A part of a message with its vector."""

    place: int
    """``local_id`` of the message."""
    start: int
    length: int
    vector: bytes
    """Unit vector, as float32 numbers."""


class Near(NamedTuple):
    """A part of a message that is near a question."""

    place: int
    start: int
    length: int
    similarity: float
    """Cosine: 1 for the same meaning."""


class About(NamedTuple):
    """What the vectors were made of, and how far."""

    model: str = ""
    name: str = ""
    """Which history they belong to."""
    size: int = 0
    """Numbers of a vector."""
    top: int = 0
    """Newest message that has been read."""
    bottom: int = 0
    """Oldest message that has been read; 0 when all are."""
    usual: float = 0.0
    """Similarity below which two texts have nothing to do with each other."""


def vectors_path(history: Path) -> Path:
    """Return where the vectors of a history are."""
    return history.with_name(f"{history.name}-meaning")


def remove_vectors(history: Path) -> bool:
    """Delete the vectors of a history; return whether there were any."""
    path = vectors_path(history)
    was_there = path.exists()
    for ending in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return was_there


class VectorFile:
    """Connection to the file. Use it in one thread at a time."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._db = connection
        self._inode = path.stat().st_ino
        self.about = self._read_about()

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Return the file that is there; None where there is none. Raises StoreError."""
        return cls(path, _connect(path)) if path.exists() and path.stat().st_size else None

    @classmethod
    def create(cls, path: Path, about: About) -> Self:
        """Return a new file in place of what is there. Raises StoreError."""
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = _connect(path)
        with _in_sentences(path):
            connection.execute("begin immediate")
            connection.execute(_TABLES.format(size=_bits(about.size)))
            connection.execute(f"pragma user_version = {FORM}")
            _write_about(connection, about)
            connection.execute("commit")
        return cls(path, connection)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close(True)

    @property
    def is_there(self) -> bool:
        """Return whether the file was neither deleted nor replaced."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def size_on_disk(self) -> int:
        """Return the bytes of the file."""
        return sum(
            path.stat().st_size for path in (self.path, self.path.with_name(f"{self.path.name}-wal")) if path.exists()
        )

    def refresh(self) -> About:
        """Read again how far the vectors are made, which another process may do."""
        with _in_sentences(self.path):
            self.about = self._read_about()
        return self.about

    def put(self, places: Iterable[int], parts: Sequence[Part], *, top: int, bottom: int) -> None:
        """Store the parts of messages in place of those that ``places`` had, and how far the history is read."""
        with _in_sentences(self.path), self._db:
            self._forget(places)
            row = self._db.execute("select coalesce(max(id), 0) from parts").fetchone()
            first = int(row[0]) + 1 if row else 1
            self._db.executemany(
                "insert into parts (id, place, start, length, numbers) "
                "values (?, ?, ?, ?, vec_quantize_int8(vec_f32(?), 'unit'))",
                ((first + number, *part[:3], part.vector) for number, part in enumerate(parts)),
            )
            self._db.executemany(
                "insert into signs (id, slot, signs) values (?, ?, vec_quantize_binary(vec_f32(?)))",
                (
                    (first + number, (first + number) % SLOTS, _padded(part.vector, self.about.size))
                    for number, part in enumerate(parts)
                ),
            )
            self.about = self.about._replace(top=top, bottom=bottom)
            _write_about(self._db, self.about)

    def nearest(self, vector: bytes, *, among: Sequence[int] | None = None) -> list[Near]:
        """Return the messages that are nearest to a vector, each with its nearest part, the nearest first.

        ``among``: only messages with these ``local_id``.
        """
        with _in_sentences(self.path):
            numbers = self._value("select vec_quantize_int8(vec_f32(?), 'unit')", vector)
            wanted, column = (among, "place") if among is not None else (self._candidates(vector), "id")
            rows: list[Any] = self._db.execute(
                _NEAREST.format(column=column), {"ids": to_json(list(wanted)), "numbers": numbers}
            ).fetchall()
        best: dict[int, Near] = {}
        for row in rows:
            if row[3] is not None:
                best.setdefault(row[0], Near(*row))
        return list(best.values())

    def middle(self, places: Sequence[int]) -> bytes:
        """Return the mean of the vectors of some messages, as float32 numbers; empty where they have none."""
        from array import array

        with _in_sentences(self.path):
            rows: list[Any] = self._db.execute(
                "select numbers from parts where place in (select value from json_each(?))", (to_json(list(places)),)
            ).fetchall()
        codes = [array("b", row[0]) for row in rows]
        sums = [sum(column) for column in zip(*codes, strict=True)]
        length = sum(number * number for number in sums) ** 0.5
        return array("f", (number / length for number in sums)).tobytes() if length else b""

    def count(self) -> int:
        """Return how many parts have vectors."""
        with _in_sentences(self.path):
            return int(self._value("select count(*) from parts"))

    def _candidates(self, vector: bytes) -> list[int]:
        signs = self._value("select vec_quantize_binary(vec_f32(?))", _padded(vector, self.about.size))
        found: list[int] = []
        for slot in range(SLOTS):
            rows = self._db.execute(
                "select id from signs where signs match vec_bit(?) and k = ? and slot = ?", (signs, EACH, slot)
            )
            found += [row[0] for row in rows]
        return found

    def _forget(self, places: Iterable[int]) -> None:
        for place in places:
            ids = [(row[0],) for row in self._db.execute("select id from parts where place = ?", (place,))]
            if ids:
                self._db.executemany("delete from signs where id = ?", ids)
                self._db.execute("delete from parts where place = ?", (place,))

    def _read_about(self) -> About:
        with _in_sentences(self.path):
            if self._value("pragma user_version") != FORM:
                raise VectorsDamaged(f"{self.path} is not a file of vectors. Delete it; it is made anew.")
            values: list[Any] = self._db.execute("select name, value from about").fetchall()
            return About(**dict(values))

    def _value(self, sql: str, *values: Any) -> Any:
        row = self._db.execute(sql, values).fetchone()
        return row[0] if row is not None else None


def _bits(size: int) -> int:
    return -(-size // 8) * 8


def _padded(vector: bytes, size: int) -> bytes:
    """Return a vector whose length can be divided by eight."""
    return vector + bytes(4 * (_bits(size) - size))


def _write_about(connection: apsw.Connection, about: About) -> None:
    connection.executemany(
        "insert into about (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
        about._asdict().items(),
    )


def _connect(path: Path) -> apsw.Connection:
    try:
        import apsw
    except ImportError:
        raise _missing("apsw") from None
    if (package := find_spec("sqlite_vec")) is None or package.origin is None:  # to import it imports numpy
        raise _missing("sqlite-vec")
    with _in_sentences(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_MS)
        connection.enable_load_extension(True)
        connection.load_extension(str(Path(package.origin).with_name("vec0")))
        connection.enable_load_extension(False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")  # what a power cut takes away is made again
        connection.execute(f"pragma mmap_size = {MAPPED_BYTES}")
    return connection


def _missing(package: str) -> VectorsMissing:
    return VectorsMissing(
        f"Search by meaning needs packages that are not installed ({package}). Install sterna[semantic]."
    )


@contextmanager
def _in_sentences(path: Path) -> Iterator[None]:
    """Raise StoreError in place of errors of SQLite and of the system."""
    import apsw

    try:
        yield
    except apsw.FullError:
        raise StoreFull(f"No space is left on the disk for {path}. Free some space and try again.") from None
    except apsw.BusyError:
        raise StoreError(f"Another program keeps {path} locked. Try again in a moment.") from None
    except (apsw.Error, TypeError, OSError) as error:
        raise VectorsDamaged(f"{path} cannot be used ({error}). Delete it; it is made anew.") from error
