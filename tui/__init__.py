"""Terminal user interface, built on Textual.

Here are the application, its screens and widgets, the list of actions with their keys, and the terminal driver. It may
import ``chat``, ``storage``, ``sync``, ``providers`` and ``config``; only ``cli`` imports it, to call :func:`run`.
No SQL and no HTTP. Textual is loaded when :func:`run` is called, and nothing slow before the first frame.
"""

from __future__ import annotations

import gc
from pathlib import Path


def run(*, data_dir: Path | None = None, config_dir: Path | None = None) -> int:
    """Open the chat in this terminal; returns the exit code."""
    gc.disable()  # what a start makes stays; the collector is enabled after the first frame
    try:
        from .factory import run_app

        return run_app(data_dir=data_dir, config_dir=config_dir)
    finally:
        gc.enable()
