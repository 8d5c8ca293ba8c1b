"""What a person sees and types. ``run`` is the only door; nothing of Textual is loaded before it is called."""

from __future__ import annotations

from pathlib import Path


def run(*, data_dir: Path | None = None, config_dir: Path | None = None) -> int:
    """Open the chat in this terminal; returns the exit code."""
    from .factory import run_app

    return run_app(data_dir=data_dir, config_dir=config_dir)
