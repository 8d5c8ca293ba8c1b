"""The only writer of ``sterna.log``, which has the details of internal errors and is readable by its owner only."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path

LOG_FILE = "sterna.log"
MAX_BYTES = 1_000_000
"""Size at which the log is rotated; one previous file is kept as ``sterna.log.1``."""
MODE = 0o600
ANALYTICS = "sterna.analytics"
"""Logger whose INFO records are written too: a user who turned analytics on can see when a session was started."""


class LogFile(logging.Handler):
    """Handler for warnings, errors, and the INFO records of analytics.

    The file is created by the first record: a run without any leaves none.
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


def install(path: Callable[[], Path]) -> None:
    """Send warnings and errors of every room to the log at ``path``, instead of any earlier one, and none to stderr."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LogFile)]:
        root.removeHandler(old)
    root.addHandler(LogFile(path))
    logging.captureWarnings(True)


def append_to_installed(text: str) -> Path | None:
    """Append ``text`` to the log that was installed, and return its path; None when there is none to write to."""
    handler = next((each for each in logging.getLogger().handlers if isinstance(each, LogFile)), None)
    return append(handler.path, text) if handler else None


def append(path: Callable[[], Path], text: str) -> Path | None:
    """Append ``text`` and a line end, and return the file's path; None when it cannot be written.

    Any number of processes may append to the same file: each line is whole, and one of them rotates it.
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
    """Open the log for appending, rotated where it is too large. Raises OSError."""
    while True:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            if status.st_mode & 0o077 and status.st_uid == os.geteuid():
                os.fchmod(descriptor, MODE)
            if status.st_size <= MAX_BYTES and _is_same(file, status):
                return descriptor
            if _is_same(file, status):
                file.replace(file.with_name(f"{LOG_FILE}.1"))
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_same(file: Path, status: os.stat_result) -> bool:
    """Return whether ``file`` still names the opened file: another process may have rotated it meanwhile."""
    try:
        return os.path.samestat(file.stat(), status)
    except FileNotFoundError:
        return False
