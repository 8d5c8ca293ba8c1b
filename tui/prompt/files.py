"""Files near the current folder, to complete a path in the prompt."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

MOST_FILES = 20_000
"""Files that are looked at."""
SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "target", "dist", "build"})
"""Folders that hold nothing that was written by hand, where git does not say which those are."""
GIT_SECONDS = 2.0


def completions(typed: str, folder: Path) -> list[str]:
    """Return paths for what has been typed: of one folder where it names one, else of all below ``folder``.

    Folders end with a slash. This reads the disk and may take a while: call it in a thread.
    """
    if "/" in typed or typed.startswith("~"):
        return _in_folder(typed, folder)
    return list(_below(folder))


def _in_folder(typed: str, folder: Path) -> list[str]:
    parent, _, name = typed.rpartition("/")
    if not parent and typed.startswith("~"):
        parent, name = typed, ""
    place = folder / os.path.expanduser(parent or "/")
    try:
        with os.scandir(place) as entries:
            found = [
                f"{parent}/{entry.name}{'/' if entry.is_dir() else ''}"
                for entry, _ in zip(entries, range(MOST_FILES), strict=False)
                if entry.name.startswith(".") == name.startswith(".")
            ]
    except (OSError, ValueError):
        return []
    return sorted(found, key=lambda path: (path.casefold(), path))


def _below(folder: Path) -> Iterator[str]:
    """Yield files below a folder, those that git ignores left out."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        yield from _walk(folder)
    else:
        yield from filter(None, listed.decode("utf-8", "replace").split("\0")[:MOST_FILES])


def _walk(folder: Path) -> Iterator[str]:
    count = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED)
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.relpath(os.path.join(place, name), folder)
                count += 1
        if count >= MOST_FILES or place.count(os.sep) - str(folder).count(os.sep) >= 8:
            folders.clear()
        if count >= MOST_FILES:
            return
