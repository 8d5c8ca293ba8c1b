"""A lock file for each window that receives replies or keeps drafts: held while it lives, free once it is gone."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ..database.sqlite_errors import unwritable
from ..ids import RANDOM_LENGTH, Token


class HeldLock:
    """The lock that this process holds, made with its first reply or draft."""

    def __init__(self, database: Path, token: Token) -> None:
        self.name = f"{database.stem}-{token(RANDOM_LENGTH)}.live"
        """The file's name, beside the database."""
        self._path = database.with_name(self.name)
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise unwritable(error, database) from error

    def release(self) -> None:
        """Give the lock up and take the file away."""
        self._path.unlink(missing_ok=True)
        os.close(self._handle)


class ProcessLock:
    """The lock of one store, made when it is first needed: rows of a reply or a draft name it."""

    def __init__(self, database: Path, token: Token) -> None:
        self._database = database
        self._token = token
        self._owner: HeldLock | None = None

    def take(self) -> str:
        """Return the name of the lock file, held from now on. Raises StoreUnwritable."""
        if self._owner is None:
            self._owner = HeldLock(self._database, self._token)
        return self._owner.name

    @property
    def name(self) -> str:
        """Return the name of the lock file; empty while there is none."""
        return self._owner.name if self._owner is not None else ""

    def release(self) -> None:
        """Let go of the lock; called when the store closes."""
        if self._owner is not None:
            self._owner.release()
            self._owner = None


def is_free(lock_file: Path) -> bool:
    """Return True when no process holds that lock, False too where that cannot be found out."""
    try:
        handle = os.open(lock_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:  # a lock needs to write
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
