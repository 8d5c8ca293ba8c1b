"""The file that takes what nobody should have to read on the screen; it is made when there is something to say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path


class LogFile(logging.Handler):
    """Takes what the rooms report of their own mistakes."""

    def __init__(self, path: Callable[[], Path]) -> None:
        super().__init__()
        self._path = path
        self.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Append it; where even that cannot be written there is nobody left to tell."""
        append(self._path, self.format(record))


def note(path: Callable[[], Path] | None, at: datetime, text: str) -> Path | None:
    """Append ``text`` with its time; gives where it is, or None when it cannot be written."""
    return None if path is None else append(path, f"{at.isoformat()} {text.rstrip()}")


def append(path: Callable[[], Path], line: str) -> Path | None:
    """Append a line; gives where it is, or None when it cannot be written."""
    try:
        there = path()
        with there.open("a", encoding="utf-8", errors="replace") as file:
            file.write(line + "\n")
    except OSError:
        return None
    return there
