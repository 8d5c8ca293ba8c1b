"""What went wrong inside, written to a file of its owner; a person reads a sentence that names it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

FILE = "sterna.log"
LARGEST = 1_000_000
"""Bytes after which the log begins anew; the one before is kept as ``sterna.log.1``."""


class LogFile(logging.Handler):
    """Opens its file with the first record, so that a program without a mistake leaves none."""

    def __init__(self, override: Path | None) -> None:
        super().__init__(logging.WARNING)
        self._override = override
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    @property
    def path(self) -> Path:
        """Where it writes."""
        from storage import data_dir

        return data_dir(self._override) / FILE

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record. A log that cannot be written is no reason to stop."""
        try:
            path = self.path
            if path.exists() and path.stat().st_size > LARGEST:
                path.replace(path.with_name(f"{FILE}.1"))
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as file:
                file.write(self.format(record) + "\n")
        except OSError:
            return


def keep_log(override: Path | None) -> LogFile:
    """Send warnings and errors of every room to the log in the data folder, and none to the screen."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LogFile)]:
        root.removeHandler(old)
    handler = LogFile(override)
    root.addHandler(handler)
    logging.captureWarnings(True)
    return handler
