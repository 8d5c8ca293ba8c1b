"""Paths in a paste: terminals send a file that is dropped on them as its path, quoted or escaped in many ways."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sterna.storage import Invalid, one_line

MAX_LENGTH = 20_000
MAX_PATHS = 100
_STARTS = ("/", "~/", "'/", '"/', "file:///", "file://localhost/", "\\/", "'file:///", '"file:///')


def may_be_paths(text: str) -> bool:
    """Return whether a paste could be paths, without looking at the disk."""
    return len(text) <= MAX_LENGTH and text.strip().startswith(_STARTS)


def paths_in(text: str) -> list[Path]:
    """Return the files that a paste names, where all of it is absolute paths of files; else an empty list.

    Paths are separated by spaces or lines, and quoted, escaped, or written as ``file://`` addresses. It looks at the
    disk: call it in a thread.
    """
    if not may_be_paths(text):
        return []
    result: list[Path] = []
    for line in text.strip().splitlines():
        if not line.strip():
            continue
        found = _paths_of_line(line.strip())
        if not found:
            return []
        result += found
    return list(dict.fromkeys(result))[:MAX_PATHS]


def folder_in(text: str) -> Path | None:
    """Return the folder that a paste names, where all of it is the absolute path of one. Call it in a thread."""
    line = text.strip()
    if not may_be_paths(text) or "\n" in line:
        return None
    words = _words(line)
    for word in (line, *(words if len(words) == 1 else ())):
        try:
            if (path := _path(word)) is not None and path.is_dir():
                return path
        except (OSError, ValueError):
            continue
    return None


def typed_files(text: str) -> list[Path]:
    """Return the files that a person typed, relative ones too. Raises Invalid, with what is wrong with the path.

    It looks at the disk: call it in a thread.
    """
    typed = text.strip()
    if not typed:
        raise Invalid("Enter the path of a file.")
    if paths := paths_in(typed):
        return paths
    shown = one_line(typed, 60)
    for spelling in (typed, *_words(typed)[:1]):
        try:
            path = Path(spelling).expanduser()
            if path.is_dir():
                raise Invalid(f"{shown} is a folder. Enter a file.")
            if path.exists():
                return [path]
        except (OSError, ValueError, RuntimeError):
            continue
    raise Invalid(f"There is no file {shown}.")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _paths_of_line(line: str) -> list[Path]:
    if (whole := _path(line)) is not None and _is_there(whole):
        return [whole]  # copied from a file manager as it is, with spaces
    words = _words(line)
    paths = [_path(word) for word in words]
    files = [path for path in paths if path is not None and _is_there(path)]
    return files if len(files) == len(words) else []


def _path(word: str) -> Path | None:
    if word.startswith("file://"):
        try:
            parts = urlsplit(word)
        except ValueError:
            return None
        return Path(unquote(parts.path)) if parts.path.startswith("/") else None
    if word.startswith(("/", "~/")):
        return Path(word).expanduser()
    return None


def _is_there(path: Path) -> bool:
    try:
        return os.path.exists(path) and not os.path.isdir(path)
    except ValueError:  # a NUL in it
        return False
