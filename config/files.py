"""Writing a file so that there is always a whole one, for its owner's eyes only."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ConfigError


def write_private(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` (0600) by a rename; a link is followed to where the file really is."""
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
def alone(folder: Path) -> Iterator[None]:
    """Nobody else reads, changes and writes a file of ``folder`` meanwhile: two terminals may save at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Turn:
    """A lock between processes that is asked for, never waited for: an event loop waits in its own way.

    It ends with the process that has it, however that ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Whether it is ours now. Raises :class:`ConfigError` where no lock can be made."""
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
                f"{self._path} cannot be made ({reason}). Give your user the right to write it."
            ) from None
        self._handle = handle
        return True

    def give_back(self) -> None:
        """Let the next one have it."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)
