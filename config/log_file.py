"""The one writer of ``sterna.log``: details of internal errors, for the owner of the folder only."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path

FILE = "sterna.log"
LARGEST = 1_000_000
"""Bytes after which the log begins anew; the one before is kept as ``sterna.log.1``."""
MODE = 0o600
ANALYTICS = "sterna.analytics"
"""Logger of which milestones are kept too: who turned analytics on can see that a session was started."""


class LogFile(logging.Handler):
    """Appends warnings, errors, and the milestones of analytics.

    The file is made with the first record: a run without any leaves none.
    """

    def __init__(self, path: Callable[[], Path]) -> None:
        super().__init__(logging.INFO)
        self.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == ANALYTICS)
        self.path = path
        """Returns the file's path; may raise OSError."""
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record."""
        append(self.path, self.format(record))


def append(path: Callable[[], Path], text: str) -> Path | None:
    """Append ``text`` and a line end, and return the file's path; None when it cannot be written.

    Any number of processes may append to the same file: each line is whole, and one of them begins the next file.
    """
    try:
        file = path()
        descriptor = _open(file)
        try:
            os.write(descriptor, (text.rstrip("\n") + "\n").encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return file


def _open(file: Path) -> int:
    """Open the log for appending, begun anew where it is too large. Raises OSError."""
    while True:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            if status.st_mode & 0o077 and status.st_uid == os.geteuid():
                os.fchmod(descriptor, MODE)
            if status.st_size <= LARGEST and _is(file, status):
                return descriptor
            if _is(file, status):
                file.replace(file.with_name(f"{FILE}.1"))
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is(file: Path, status: os.stat_result) -> bool:
    """Tell whether ``file`` still names what was opened: another process may have renamed it meanwhile."""
    try:
        return os.path.samestat(file.stat(), status)
    except FileNotFoundError:
        return False
