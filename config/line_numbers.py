"""The line of config.toml in which a setting stands; the parser does not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

_HEADER = re.compile(r"\s*\[.*\]\s*(#.*)?$")


def line_of(text: str, where: tuple[str, ...]) -> int | None:
    """Return the number of the line that sets ``where``, else of the table that it belongs to."""
    table: tuple[str, ...] = ()
    best, length = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        if _HEADER.match(line):
            table = path = _path(line)
        elif "=" in line:
            path = (*table, *_path(f"{line.partition('=')[0]} = 0"))
        else:
            continue
        if len(path) > length and where[: len(path)] == path:
            best, length = number, len(path)
    return best


def _path(line: str) -> tuple[str, ...]:
    """Return the keys of a header or of an assignment."""
    try:
        inner: Any = tomllib.loads(line.strip("\r"))
    except ValueError:
        return ("",)
    found: list[str] = []
    while (isinstance(inner, Mapping) and inner) or (isinstance(inner, list) and inner):
        if isinstance(inner, list):
            inner = inner[0]
            continue
        key, inner = next(iter(inner.items()))
        found.append(key)
    return tuple(found)
