"""SQLite's error codes as sentences for a person."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isfunction
from pathlib import Path
from typing import Any, TypeVar

from ..errors import (
    Invalid,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFailing,
    StoreFull,
    StoreReadOnly,
    StoreUnwritable,
)

C = TypeVar("C", bound=type[Any])

SMALLEST_FREE = 64 * 1024
"""Bytes; SQLite makes the index of its journal (``-shm``) 32 KiB at a time."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


def newest_backup(path: Path) -> Path | None:
    """Return the newest copy that was made of the file before a change of its schema."""
    copies = sorted(path.parent.glob(f"{path.stem}.backup-*.db"), key=lambda copy: copy.stat().st_mtime)
    return copies[-1] if copies else None


def corrupt_sentence(path: Path) -> str:
    """Return the advice for a damaged file, with its newest copy."""
    copy = newest_backup(path)
    if copy is not None:
        then = f"Close Sterna, move the file away, and rename the newest copy, {copy}, to {path.name}."
    else:
        then = f"There is no copy of it yet; `sqlite3 {path.name} .recover` in its folder can save what is readable."
    return f"{path} is damaged, or is not a database. Nothing in it was changed. {then}"


def explain(error: sqlite3.Error, path: Path) -> StoreError | None:
    """Return the :class:`StoreError` for an error of SQLite; None for a mistake of ours (bad SQL, wrong thread)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary in _BUSY:
        return StoreBusy(
            f"{path} is held by another program. Nothing was lost; close that program, or try again in a moment."
        )
    if primary in _CORRUPT:
        return StoreCorrupt(corrupt_sentence(path))
    if primary in _READ_ONLY and path.is_dir():
        return _folder_in_place(path)
    if primary in _READ_ONLY:
        return StoreReadOnly(f"{path} cannot be written. Give your user the right to write the file and its folder.")
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return disk_full(path)
    if primary == sqlite3.SQLITE_IOERR:
        return StoreFailing(f"The disk failed at {path} ({error}). Check the disk and try again.")
    if primary == sqlite3.SQLITE_ERROR and "malformed JSON" in str(error):
        return StoreCorrupt(f"A value in {path} is damaged. Run `sterna doctor repair`, then try again.")
    if primary in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH):
        return Invalid(f"That value does not fit: {error}.")
    if primary == sqlite3.SQLITE_INTERRUPT:
        return StoreError("That took too long and was ended. Nothing was changed.")
    if primary == sqlite3.SQLITE_TOOBIG:
        return Invalid("That text is longer than SQLite can keep (1 GB).")
    return None


def disk_full(path: Path) -> StoreFull:
    """Return the error for a disk without room."""
    return StoreFull(f"No space is left on the disk for {path}. Free some space and try again.")


def unwritable(error: OSError, path: Path) -> StoreUnwritable:
    """Return the error for what the operating system says of the file or its folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    if error.errno == errno.EIO:
        return StoreFailing(f"The disk failed at {path} ({error.strerror}). Check the disk and try again.")
    if path.is_dir():
        return _folder_in_place(path)
    return StoreReadOnly(
        f"{path} cannot be made or written ({error.strerror}). Give your user the right to write that folder, "
        "or name another with --data-dir."
    )


def _folder_in_place(path: Path) -> StoreReadOnly:
    return StoreReadOnly(
        f"{path} is a folder, but Sterna needs a file of this name. Move the folder away, or name another place with "
        "--data-dir."
    )


def _disk_is_full(path: Path) -> bool:
    """Return whether the disk is full: SQLite calls it failing when the index of its journal has no room."""
    import shutil  # only a failure pays for it

    try:
        return shutil.disk_usage(path.parent).free < SMALLEST_FREE
    except OSError:
        return False


@contextmanager
def raising_sentences(path: Path) -> Iterator[None]:
    """Raise StoreError in place of errors of the system and of SQLite; a mistake of ours stays what it is."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, path) from error
    except sqlite3.Error as error:
        if (sentence := explain(error, path)) is None:
            raise
        raise sentence from error


def in_sentences(cls: C) -> C:
    """Make the public methods of a class raise :class:`StoreError` where SQLite raises its own errors.

    The class keeps its :class:`Database` in ``db``. A proxy around the connection would see every row go by; here a
    call costs one frame more.
    """
    for name, method in list(vars(cls).items()):
        if not name.startswith("_") and isfunction(method):
            setattr(cls, name, _translated(method))
    return cls


def _translated(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except sqlite3.Error as error:
            if (sentence := explain(error, self.db.path)) is None:
                raise
            raise sentence from error

    return call
