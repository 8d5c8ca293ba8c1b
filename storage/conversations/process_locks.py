"""A lock file for each window that receives replies or keeps drafts: held while it lives, free once it is gone."""

from __future__ import annotations

from pathlib import Path

from ..database.sqlite_errors import unwritable
from ..ids import RANDOM_LENGTH, Token


class HeldLock:
    """The lock that this process holds, made with its first reply or draft."""

    def __init__(self, database: Path, token: Token) -> None:
        from filelock import FileLock

        self.name = f"{database.stem}-{token(RANDOM_LENGTH)}.live"
        """The file's name, beside the database."""
        self._path = database.with_name(self.name)
        self._lock = FileLock(self._path, timeout=0, mode=0o600)
        try:
            self._lock.acquire()
        except OSError as error:
            raise unwritable(error, database) from error

    def release(self) -> None:
        """Give the lock up and take the file away."""
        self._lock.release(force=True)
        self._path.unlink(missing_ok=True)


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


def is_dead(lock_file: Path) -> bool:
    """Return True when no process holds that lock, False too where that cannot be found out."""
    if not lock_file.exists():
        return True
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except (Timeout, OSError):  # a lock needs to write
        return False
    lock.release(force=True)
    return True
