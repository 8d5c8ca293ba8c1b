"""Standard output: unchanged text in a file or a pipe, sanitized text on a terminal, and JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from sterna.storage import clean, clip, one_line
from sterna.storage.clock import local_time as local_time
from sterna.storage.conversations.documents import without_controls as without_controls


def as_written(text: str) -> str:
    """Return ``text`` unchanged for a file or a pipe, and sanitized for a terminal."""
    return clean(text) if sys.stdout.isatty() else text


def write_text(text: str, **style: Any) -> None:
    """Write ``text`` to standard output. click.echo would remove escape sequences from text in a file."""
    sys.stdout.write(paint(as_written(text), **style) if style else as_written(text))


def title_line(text: str, limit: int | None = None) -> str:
    """Return ``text`` as one line of at most ``limit`` characters.

    In a file or a pipe only control characters are removed; on a terminal, invisible characters become visible marks.
    """
    if sys.stdout.isatty():
        return one_line(text, limit)
    line = without_controls(text).strip()
    return line if limit is None else clip(line, limit)


def print_json(value: Mapping[str, Any]) -> None:
    """Print an object on one line, with control and invisible characters escaped."""
    from sterna.exporters.json_text import json_line

    click.echo(json_line(value))


def has_colors() -> bool:
    """Return whether standard output is a terminal with colors."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, **style: Any) -> str:
    """Return ``text`` in a style, if the terminal has colors. ``text`` must be sanitized."""
    return click.style(text, **style) if has_colors() else text


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun: ``1 message``, ``2,000 messages``."""
    return f"1 {singular}" if count == 1 else f"{count:,} {plural or singular + 's'}"
