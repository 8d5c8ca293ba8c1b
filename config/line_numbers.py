"""Line numbers of settings in config.toml, which the parser does not report."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

_HEADER = re.compile(r"\s*\[.*\]\s*(#.*)?$")


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Return the number of the line that sets ``path``, else of the table that it belongs to."""
    table: tuple[str, ...] = ()
    best, length = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        if _HEADER.match(line):
            table = current = _path(line)
        elif "=" in line:
            current = (*table, *_path(f"{line.partition('=')[0]} = 0"))
        else:
            continue
        if len(current) > length and path[: len(current)] == current:
            best, length = number, len(current)
    return best


def _path(line: str) -> tuple[str, ...]:
    """Return the keys of a table header or of an assignment."""
    try:
        inner: Any = tomllib.loads(line.strip("\r"))
    except ValueError:
        return ("",)
    keys: list[str] = []
    while (isinstance(inner, Mapping) and inner) or (isinstance(inner, list) and inner):
        if isinstance(inner, list):
            inner = inner[0]
            continue
        key, inner = next(iter(inner.items()))
        keys.append(key)
    return tuple(keys)
