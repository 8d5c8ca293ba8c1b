"""Opening a history: for writing where that is possible, else for reading."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from .. import ids
from ..clock import Clock, utc_now
from ..errors import StoreUnwritable
from .connection import BUSY_MS, Base, connect
from .lost_file import note_opened, refuse_lost
from .migrations import migrate
from .sqlite_errors import explain, unwritable


class OpenFile(Base):
    """A history in a file that is open."""

    _busy_ms = BUSY_MS

    @classmethod
    def open(cls, path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS) -> Self:
        """Return the history in ``path``, made or brought up to date when needed. Raises :class:`StoreError`.

        What cannot be written is opened for reading: :attr:`read_only` then says why, and so does every write.
        """
        reason = None
        try:
            db = _connect(path, clock, busy_ms)
        except StoreUnwritable as error:
            if not _has_content(path):
                raise
            reason = error
            db = _connect_read_only(path, clock, busy_ms)
        opened = cls(db, path, clock=clock, token=token)
        opened.read_only, opened._busy_ms = reason, busy_ms
        try:
            with _in_sentences(path):
                opened._opened()
        except BaseException:
            db.close()
            raise
        return opened

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        self.db.close()

    def data_version(self) -> int:
        """Return a number that changes when another connection commits."""
        version: int = self.db.execute("pragma data_version").fetchone()[0]
        return version

    def _opened(self) -> None:
        """Do what has to be done once the file is open."""

    def _require_writable(self) -> None:
        """Raise why nothing can be written, unless it can be written by now."""
        if self.read_only is None:
            return
        db = _connect(self.path, self._clock, self._busy_ms)
        self.db.close()
        self.db, self.read_only = db, None


def _connect(path: Path, clock: Clock, busy_ms: int) -> sqlite3.Connection:
    """Return a connection that writes, to a file of this program's schema. Raises StoreError."""
    with _in_sentences(path):
        refuse_lost(path)
        _private(path)
        db = connect(path, busy_ms=busy_ms)
        try:
            migrate(db, path, clock=clock, busy_ms=busy_ms)
            note_opened(path)
        except BaseException:
            db.close()
            raise
        return db


def _connect_read_only(path: Path, clock: Clock, busy_ms: int) -> sqlite3.Connection:
    from .read_only import connect_read_only

    with _in_sentences(path):
        return connect_read_only(path, clock=clock, busy_ms=busy_ms)


@contextmanager
def _in_sentences(path: Path) -> Iterator[None]:
    """Raise StoreError in place of what the system and SQLite raise; a mistake of ours stays what it is."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, path) from error
    except sqlite3.Error as error:
        if (sentence := explain(error, path)) is None:
            raise
        raise sentence from error


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _private(path: Path) -> None:
    """Make the folder (0700) and the file (0600) when missing, before SQLite would make them readable by all.

    A file that is there is not opened: closing it would give up the locks of a connection that this process may have.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir() or not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None
