"""Opening a history: for writing where that is possible, else for reading."""

from __future__ import annotations

import errno
import os
import sqlite3
from functools import partial
from pathlib import Path

from .. import ids
from ..clock import Clock, utc_now
from ..errors import StoreUnwritable
from .connection import BUSY_MS, Database, connect
from .lost_file import note_opened, refuse_lost
from .migrations import migrate
from .sqlite_errors import raising_sentences


def open_database(
    path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS
) -> Database:
    """Return the history in ``path``, made or brought up to date when needed. Raises :class:`StoreError`.

    What cannot be written is opened for reading: :attr:`Database.read_only` then says why, and so does every write.
    """
    connect_writable = partial(_connect, path, clock, busy_ms)
    reason = None
    try:
        connection = connect_writable()
    except StoreUnwritable as error:
        if not _has_content(path):
            raise
        reason = error
        connection = _connect_read_only(path, clock, busy_ms)
    return Database(connection, path, clock=clock, token=token, read_only=reason, reconnect=connect_writable)


def _connect(path: Path, clock: Clock, busy_ms: int) -> sqlite3.Connection:
    """Return a connection that writes, to a file of this program's schema. Raises StoreError."""
    with raising_sentences(path):
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

    with raising_sentences(path):
        return connect_read_only(path, clock=clock, busy_ms=busy_ms)


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
