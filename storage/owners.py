"""A lock file for each process that receives replies: held while it lives, free once it is dead, however it died."""

from __future__ import annotations

from pathlib import Path

from .failures import unwritable
from .ids import RANDOM_LENGTH, Token


class Owner:
    """The lock that this process holds, made with its first reply."""

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


def is_dead(lock_file: Path) -> bool:
    """Return True when no process holds that lock, False too where that cannot be found out."""
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except (Timeout, OSError):  # a lock needs to write
        return False
    lock.release(force=True)
    return True
