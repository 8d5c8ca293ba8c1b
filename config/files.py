"""Atomic writes of files that only their owner can read, and locks between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ConfigError


def write_private(path: Path, text: str) -> None:
    """Replace the file at ``path`` by one with ``text`` and mode 0600; a symbolic link is followed."""
    import tempfile  # slow to load, and seldom needed

    target = path.resolve()  # a config.toml that links into a dotfiles folder stays a link
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder`` while its files are read, changed and written: two terminals may save at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class ProcessLock:
    """Lock between processes that never blocks: an event loop waits in its own way.

    The system releases it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def try_acquire(self) -> bool:
        """Return True if the lock is acquired, False if another process holds it.

        Raises :class:`ConfigError` where no lock can be created.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException:
                os.close(handle)
                raise
        except BlockingIOError:
            return False
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigError(
                f"{self._path} cannot be created ({reason}). Make its folder writable for your user."
            ) from None
        self._handle = handle
        return True

    def release(self) -> None:
        """Release the lock; does nothing where it is not held."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)
