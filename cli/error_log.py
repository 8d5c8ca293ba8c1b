"""Details of internal errors go to a file; a person reads a sentence that names it."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from sterna.config.log_file import FILE, LogFile


def log_path(data_dir: Path | None) -> Path:
    """Return the path of the log in the data folder. Raises OSError when there is no such folder."""
    from sterna.storage import data_dir as folder

    return folder(data_dir) / FILE


def keep_log(data_dir: Path | None) -> None:
    """Send warnings and errors of every room to the log in the data folder, and none to the screen."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LogFile)]:
        root.removeHandler(old)
    root.addHandler(LogFile(partial(log_path, data_dir)))
    logging.captureWarnings(True)
