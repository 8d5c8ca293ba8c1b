"""Incremental parser of server-sent events, which never holds more than one event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .bodies import TooLarge

MAX_EVENT = 16 * 1024 * 1024
"""Most bytes of one event: an image inside one takes a few million."""

LINE_COST = 64
"""Bytes counted for a line in addition to its own, so that empty lines count too."""

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """Event of a stream."""

    name: str
    data: str
    whole: bool = True
    """False for an event at the end of the stream that lacks its final blank line."""


class EventReader:
    """Parser of one stream. The split into pieces does not matter: any split yields the same events."""

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._rest = bytearray()
        """Incomplete last line."""
        self._size = 0
        """Size of the data lines before it."""
        self._after_return = False
        self._first = True
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that ``piece`` completes. Raises :class:`TooLarge`."""
        if self._after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        if not piece:
            return
        lines = _LINE_END.split(piece)
        self._after_return = piece.endswith(b"\r")
        for line in lines[:-1]:
            self._rest += line
            complete = bytes(self._rest)
            self._rest.clear()
            yield from self._line(complete)
        self._rest += lines[-1]
        self._check()

    def finish(self) -> Iterator[Event]:
        """Yield the incomplete event at the end of the stream, if any."""
        if self._rest:
            yield from self._line(bytes(self._rest))
            self._rest.clear()
        if self._data:
            yield self._event(whole=False)

    def _line(self, line: bytes) -> Iterator[Event]:
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        if not line:
            if self._data:
                yield self._event()
            self._name, self._data, self._size = "", [], 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value) + LINE_COST
            self._check()
        elif field == b"event":
            self._name = value[:100].decode("utf-8", "replace")

    def _check(self) -> None:
        if self._size + len(self._rest) > self._limit:
            raise TooLarge

    def _event(self, *, whole: bool = True) -> Event:
        return Event(self._name, b"\n".join(self._data).decode("utf-8", "replace"), whole)
