"""What goes to standard output: text that no terminal obeys, and JSON that any program reads."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from storage import clean, parse

_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]")


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
    moment: datetime = parse(stamp).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")


def counted(count: int, one: str, several: str | None = None) -> str:
    """``1 message``, ``2,000 messages``."""
    return f"1 {one}" if count == 1 else f"{count:,} {several or one + 's'}"


class Cleaner:
    """:func:`storage.clean` for text that comes in pieces: the pieces put together give what the whole would give."""

    # Whether a joiner is spelling, a carriage return a line end, a flag a flag, is known from what stands beside it.
    # Between two characters of no such kind the text can be cut.
    _SURE = re.compile(".*[^{0}](?=[^{0}])".format("\r\u200c\u200d\U0001f3f4\U000e0020-\U000e007f"), re.DOTALL)

    def __init__(self) -> None:
        self._held = ""

    def take(self, piece: str) -> str:
        """As much as is certain."""
        text = self._held + piece
        sure = self._SURE.match(text)
        cut = sure.end() if sure else 0
        self._held = text[cut:]
        return clean(text[:cut])

    def rest(self) -> str:
        """What was held."""
        held, self._held = self._held, ""
        return clean(held)


class Stream:
    """Standard output for a reply that is arriving. A reader who is slow, or asleep, holds up nothing but the text.

    The thread writes to the descriptor itself: it may be stuck there when the program ends, and must hold no lock then.
    """

    def __init__(self) -> None:
        self.broken = asyncio.Event()
        """Set when nobody reads any more."""
        self._loop = asyncio.get_running_loop()
        self._encoding = sys.stdout.encoding or "utf-8"
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._written = asyncio.Event()
        sys.stdout.flush()
        self._fd = sys.stdout.fileno()
        threading.Thread(target=self._write, name="stdout", daemon=True).start()

    def write(self, text: str) -> None:
        """Queue ``text``."""
        if text:
            self._pieces.put(text)

    async def close(self) -> None:
        """Return when everything is written, or nobody reads."""
        self._pieces.put(None)
        await self._written.wait()

    def _write(self) -> None:
        try:
            while (text := self._pieces.get()) is not None:
                left = memoryview(text.encode(self._encoding, "replace"))
                while left:
                    left = left[os.write(self._fd, left) :]
        except OSError:
            self._tell(self.broken)
        self._tell(self._written)

    def _tell(self, event: asyncio.Event) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)
