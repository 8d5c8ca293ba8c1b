"""JSON parsed in short steps, so that a body of many megabytes never stops the event loop.

The outer containers are read here, one element after the other; each element that fits into a window of the text is
handed to the C scanner of the standard library, which cannot be interrupted.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, cast

WINDOW = 8 * 1024
"""Characters that the C scanner is given at once: three thousand values at most, less than a millisecond."""
TURN = 100
"""Elements after which others get the event loop."""
MOST_ELEMENTS = 100_000
"""Elements that are read one by one; of those that are larger, a body of 10 MB has no more."""

NUMBER_TO_END = re.compile(r"[-+.eE0-9]*\Z")
BLANK = re.compile(r"[ \t\n\r]*")


class TooMany(Exception):
    """A text has too many values."""


class Pieces:
    """One JSON text, read once by :meth:`whole`.

    ``depth`` is the most levels that it may have; ``clean`` is called with each key and each small value.
    """

    def __init__(self, text: str, decoder: json.JSONDecoder, depth: int, clean: Callable[[Any], Any]) -> None:
        self._text = text
        self._scan = cast(Any, decoder).scan_once
        self._scan_text = cast(Any, decoder).parse_string
        self._depth = depth
        self._clean = clean
        self._start = 0
        self._window = text[:WINDOW]
        self._elements = 0

    async def whole(self) -> Any:
        """Return the value. Raises JSONDecodeError, ValueError, and RecursionError for too many levels."""
        value, at = await self._value(self._blank(0), 0)
        if (at := self._blank(at)) != len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, at)
        return value

    def _blank(self, at: int) -> int:
        found = BLANK.match(self._text, at)
        return found.end() if found is not None else at

    async def _value(self, at: int, level: int) -> tuple[Any, int]:
        """Return the value that begins ``at``, and where it ends."""
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise TooMany
        if self._elements % TURN == 0:
            await asyncio.sleep(0)
        if not self._start <= at < self._start + len(self._window):
            await self._slide(at)
        found = self._small(at, level)
        if found is None and at != self._start:
            await self._slide(at)
            found = self._small(at, level)
        if found is not None:
            return found
        first = self._text[at : at + 1]
        if first == "{":
            return await self._object(at + 1, level + 1)
        if first == "[":
            return await self._list(at + 1, level + 1)
        # a long text, a long number, or nothing that JSON knows
        try:
            value, end = self._scan(self._text, at)
        except StopIteration:
            raise json.JSONDecodeError("Expecting value", self._text, at) from None
        return self._clean(value), end

    def _small(self, at: int, level: int) -> tuple[Any, int] | None:
        """Return a value that ends within the window, and where; None for any other."""
        try:
            value, end = self._scan(self._window, at - self._start)
        except (StopIteration, json.JSONDecodeError):
            return None
        if self._start + len(self._window) < len(self._text) and NUMBER_TO_END.match(self._window, end):
            return None  # perhaps the first part of a number
        if isinstance(value, dict | list):
            measure(value, self._depth - level)
        return self._clean(value), self._start + end

    async def _slide(self, at: int) -> None:
        self._start, self._window = at, self._text[at : at + WINDOW]
        await asyncio.sleep(0)

    async def _list(self, at: int, level: int) -> tuple[list[Any], int]:
        self._enter(level)
        found: list[Any] = []
        at = self._blank(at)
        if self._text.startswith("]", at):
            return found, at + 1
        while True:
            value, at = await self._value(at, level)
            found.append(value)
            at = self._blank(at)
            if self._text.startswith("]", at):
                return found, at + 1
            at = self._expect(",", at)

    async def _object(self, at: int, level: int) -> tuple[dict[str, Any], int]:
        self._enter(level)
        found: dict[str, Any] = {}
        at = self._blank(at)
        if self._text.startswith("}", at):
            return found, at + 1
        while True:
            if not self._text.startswith('"', at):
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, at)
            key, at = self._scan_text(self._text, at + 1, True)
            at = self._expect(":", self._blank(at))
            found[self._clean(key)], at = await self._value(at, level)
            at = self._blank(at)
            if self._text.startswith("}", at):
                return found, at + 1
            at = self._expect(",", at)

    def _enter(self, level: int) -> None:
        if level > self._depth:
            raise RecursionError

    def _expect(self, mark: str, at: int) -> int:
        if not self._text.startswith(mark, at):
            raise json.JSONDecodeError(f"Expecting {mark!r} delimiter", self._text, at)
        return self._blank(at + 1)


def measure(value: Any, depth: int) -> None:
    """Raise RecursionError for a value with more levels than ``depth``."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        inner = [one.values() if type(one) is dict else one for one in level]
        level = [one for ones in inner for one in ones if type(one) is dict or type(one) is list]
        if not level:
            return
    if level:
        raise RecursionError
