"""Server-sent events, cut out of bytes in whatever pieces they come, without keeping more than one event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .bodies import TooLarge

LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of one event: an image inside of one takes a few million."""

LINE_COST = 64
"""Bytes that a line takes beside its own, so that empty ones count too."""

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    name: str
    data: str
    whole: bool = True
    """False for what stood at the end of the stream without the blank line that ends an event."""


class EventReader:
    """The reader of one stream. The pieces that it is fed do not matter: any split gives the same events."""

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._rest = bytearray()
        """The beginning of a line."""
        self._size = 0
        """Bytes of the lines of data before it."""
        self._after_return = False
        self._first = True
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that are whole now. Raises :class:`TooLarge`."""
        if self._after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        if not piece:
            return
        lines = _LINE_END.split(piece)
        self._after_return = piece.endswith(b"\r")
        for line in lines[:-1]:
            self._rest += line
            whole = bytes(self._rest)
            self._rest.clear()
            yield from self._line(whole)
        self._rest += lines[-1]
        self._check()

    def finish(self) -> Iterator[Event]:
        """Yield the event that the stream ended in, if any."""
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
        if self._size + len(self._rest) > self._longest:
            raise TooLarge

    def _event(self, *, whole: bool = True) -> Event:
        return Event(self._name, b"\n".join(self._data).decode("utf-8", "replace"), whole)
