"""JSON files of any size, one item at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

CHUNK = 1 << 20
LARGEST_ITEM = 1 << 26
"""Characters of one item: more, be it a large item or a broken file, is refused instead of filling the memory."""

_SPACE = " \t\r\n"


class BrokenJson(ValueError):
    """A file that is no JSON from some place on; the message is a sentence."""


def json_array(file: BinaryIO, *keys: str, inside: str = "") -> Iterator[Any]:
    """Yield the items of the array that a file is, or that stands in an object under one of ``keys``.

    ``inside`` is the key of an object in the outermost one, which has the array.

    Raises BrokenJson where the file is broken, after the items before that place.
    """
    reader = _Reader(file)
    try:
        if inside:
            reader.enter((inside,))
        if keys and reader.peek() == "{":
            reader.enter(keys)
        reader.expect("[")
        if reader.peek() == "]":
            return
        while True:
            yield reader.value()
            if reader.next_of(",]") == "]":
                return
    finally:
        reader.leave()


def json_lines(file: BinaryIO) -> Iterator[tuple[int, Any]]:
    """Yield the number, from 1, and the value of each line that is not blank; a BrokenJson for one that is no JSON."""
    number = 0
    while line := file.readline(LARGEST_ITEM):
        number += 1
        too_long = len(line) == LARGEST_ITEM and not line.endswith(b"\n")
        while too_long and (rest := file.readline(CHUNK)) and not rest.endswith(b"\n"):
            pass
        text = "" if too_long else line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if too_long:
            yield number, BrokenJson(f"Line {number} is longer than {LARGEST_ITEM} bytes.")
        elif text:
            try:
                yield number, json.loads(text, strict=False)
            except (ValueError, RecursionError):
                yield number, BrokenJson(f"Line {number} is not valid JSON.")


class _Reader:
    """Text of a file, and the place up to which it was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        self._decoder = json.JSONDecoder(strict=False)
        self._buffer = ""
        self._at = 0

    def leave(self) -> None:
        """Let go of the file, which stays open."""
        self._text.detach()

    def peek(self) -> str:
        """Return the next character that is not space; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if not self._more(CHUNK):
                return ""

    def expect(self, character: str) -> None:
        self.next_of(character)

    def next_of(self, characters: str) -> str:
        found = self.peek()
        if not found or found not in characters:
            raise BrokenJson("The file ends too early." if not found else "The file is not valid JSON.")
        self._at += 1
        return found

    def enter(self, keys: tuple[str, ...]) -> None:
        """Go to the value of the first of these keys in the object that begins here."""
        self.expect("{")
        while True:
            key = self.value()
            self.expect(":")
            if key in keys:
                return
            self.value()
            if self.next_of(",}") == "}":
                raise BrokenJson(f"The file has no {' or '.join(keys)}.")

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        size = CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
                # at the end of the buffer a number may go on
                if end < len(self._buffer) or not self._more(CHUNK):
                    self._at = end
                    return value
            except RecursionError:
                raise BrokenJson("The file is nested too deeply.") from None
            except ValueError:
                if len(self._buffer) - self._at > LARGEST_ITEM:
                    raise BrokenJson("The file is not valid JSON, or has an item that is too large.") from None
                if not self._more(size):
                    raise BrokenJson("The file ends too early, or is not valid JSON.") from None
                size *= 2

    def _more(self, size: int) -> bool:
        """Read on; False at the end of the file."""
        added = self._text.read(size)
        if added:
            self._buffer = self._buffer[self._at :] + added
            self._at = 0
        return bool(added)
