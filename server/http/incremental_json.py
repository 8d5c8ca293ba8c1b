"""JSON parser that works in short steps, so that a body of many megabytes never stalls the event loop.

Outer containers are read here, element by element; each element that fits into a window of the text is passed to the
C scanner of the standard library, which cannot be interrupted.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, cast

WINDOW = 8 * 1024
"""Characters per call of the C scanner: three thousand values at most, less than a millisecond."""
YIELD_EVERY = 100
"""Elements between two yields to the event loop."""
MAX_ELEMENTS = 100_000
"""Elements that are read here; a body of 10 MB has no more of those that need it."""

NUMBER_TO_END = re.compile(r"[-+.eE0-9]*\Z")
BLANK = re.compile(r"[ \t\n\r]*")


class TooManyValues(Exception):
    """A text has too many values."""


class IncrementalParser:
    """Parser of one JSON text, used once.

    ``depth`` is the maximum nesting; ``clean`` is applied to each key and each value of an outer container.
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

    async def parse(self) -> Any:
        """Return the value. Raises JSONDecodeError, ValueError, TooManyValues or RecursionError."""
        value, at = await self._value(self._blank(0), 0)
        if (at := self._blank(at)) != len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, at)
        return value

    def _blank(self, at: int) -> int:
        blank = BLANK.match(self._text, at)
        return blank.end() if blank is not None else at

    async def _value(self, at: int, level: int) -> tuple[Any, int]:
        """Return the value that begins ``at``, and where it ends."""
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise TooManyValues
        if self._elements % YIELD_EVERY == 0:
            await asyncio.sleep(0)
        if not self._start <= at < self._start + len(self._window):
            await self._slide(at)
        result = self._small(at, level)
        if result is None and at != self._start:
            await self._slide(at)
            result = self._small(at, level)
        if result is not None:
            return result
        first = self._text[at : at + 1]
        if first == "{":
            return await self._object(at + 1, level + 1)
        if first == "[":
            return await self._list(at + 1, level + 1)
        # a long string, a long number, or invalid
        try:
            value, end = self._scan(self._text, at)
        except StopIteration:
            raise json.JSONDecodeError("Expecting value", self._text, at) from None
        return self._clean(value), end

    def _small(self, at: int, level: int) -> tuple[Any, int] | None:
        """Return a value that ends within the window, and its end; None for any other."""
        try:
            value, end = self._scan(self._window, at - self._start)
        except (StopIteration, json.JSONDecodeError):
            return None
        if self._start + len(self._window) < len(self._text) and NUMBER_TO_END.match(self._window, end):
            return None  # possibly an incomplete number
        if isinstance(value, dict | list):
            measure(value, self._depth - level)
        return self._clean(value), self._start + end

    async def _slide(self, at: int) -> None:
        self._start, self._window = at, self._text[at : at + WINDOW]
        await asyncio.sleep(0)

    async def _list(self, at: int, level: int) -> tuple[list[Any], int]:
        self._enter(level)
        items: list[Any] = []
        at = self._blank(at)
        if self._text.startswith("]", at):
            return items, at + 1
        while True:
            value, at = await self._value(at, level)
            items.append(value)
            at = self._blank(at)
            if self._text.startswith("]", at):
                return items, at + 1
            at = self._expect(",", at)

    async def _object(self, at: int, level: int) -> tuple[dict[str, Any], int]:
        self._enter(level)
        items: dict[str, Any] = {}
        at = self._blank(at)
        if self._text.startswith("}", at):
            return items, at + 1
        while True:
            if not self._text.startswith('"', at):
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, at)
            key, at = self._scan_text(self._text, at + 1, True)
            at = self._expect(":", self._blank(at))
            items[self._clean(key)], at = await self._value(at, level)
            at = self._blank(at)
            if self._text.startswith("}", at):
                return items, at + 1
            at = self._expect(",", at)

    def _enter(self, level: int) -> None:
        if level > self._depth:
            raise RecursionError

    def _expect(self, mark: str, at: int) -> int:
        if not self._text.startswith(mark, at):
            raise json.JSONDecodeError(f"Expecting {mark!r} delimiter", self._text, at)
        return self._blank(at + 1)


def measure(value: Any, depth: int) -> None:
    """Raise RecursionError for a value that is nested deeper than ``depth``."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        contents = [value.values() if type(value) is dict else value for value in level]
        level = [value for values in contents for value in values if type(value) is dict or type(value) is list]
        if not level:
            return
    if level:
        raise RecursionError
