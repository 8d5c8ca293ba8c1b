"""Log of internal errors in the data folder; the user reads a sentence that names it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sterna.config import log_file


def log_path(data_dir: Path | None) -> Path:
    """Return the path of the log in the data folder. Raises OSError when there is no such folder."""
    from sterna.storage import data_dir as folder

    return folder(data_dir) / log_file.LOG_FILE


def install_log(data_dir: Path | None) -> None:
    """Send warnings and errors of every room to the log in the data folder, and none to the screen."""
    log_file.install(partial(log_path, data_dir))
