"""Standard output: the very text in a file or a pipe, text that no terminal obeys on a terminal, and JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from sterna.storage import clean, clip, one_line, stored_time

_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]")


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def as_written(text: str) -> str:
    """Return ``text`` unchanged for a file or a pipe, and made safe to show for a terminal."""
    return clean(text) if sys.stdout.isatty() else text


def write_text(text: str, **style: Any) -> None:
    """Write ``text`` to standard output. click.echo would drop escape sequences from what goes into a file."""
    sys.stdout.write(paint(as_written(text), **style) if style else as_written(text))


def title_line(text: str, limit: int | None = None) -> str:
    """Return ``text`` as one line of at most ``limit`` characters.

    In a file or a pipe only control characters are left out; on a terminal, what cannot be seen becomes a mark.
    """
    if sys.stdout.isatty():
        return one_line(text, limit)
    line = without_controls(text).strip()
    return line if limit is None else clip(line, limit)


def without_controls(text: str) -> str:
    """Return ``text`` on one line, each run of control characters and line ends made one space."""
    return _CONTROL.sub(" ", text)


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line. What a terminal would obey or hide is escaped; a program reads the same text."""
    click.echo(json_line(value))


def json_line(value: Mapping[str, Any]) -> str:
    """``value`` on one line."""
    return escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def escaped(json_text: str) -> str:
    """The same JSON, with what a terminal would obey or hide written as escapes."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], json_text)


def colourful() -> bool:
    """Whether standard output is a person's terminal that takes colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, **style: Any) -> str:
    """``text`` in a style, on a terminal that takes it. ``text`` has to be clean."""
    return click.style(text, **style) if colourful() else text


def local_time(stamp: str) -> str:
    """A stored time as the person's clock shows it."""
    moment: datetime = stored_time(stamp).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")


def counted(count: int, one: str, several: str | None = None) -> str:
    """``1 message``, ``2,000 messages``."""
    return f"1 {one}" if count == 1 else f"{count:,} {several or one + 's'}"
