"""JSON files of any size, one item at a time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

CHUNK = 1 << 20
LARGEST_ITEM = 1 << 26
"""Characters of a line or a document: more is refused instead of filling the memory."""
LARGEST_MEMBER = 1 << 28
"""Characters of a member of an array, which may be a conversation of a million messages."""

_SPACE = " \t\r\n"
_STRUCTURE = re.compile(r'["\[\]{}]')
_END_OF_STRING = re.compile(r'["\\]')
_END_OF_SCALAR = re.compile(r"[,\]}\s]")
_IN_NUMBER = frozenset("0123456789.eE+-") | {""}
_CUT_OFF = 16
"""Characters before the end of the text in which an error may only mean that the text goes on."""


class BrokenJson(ValueError):
    """A file that is no JSON from some place on; the message is a sentence."""


class MissingKey(BrokenJson):
    """A file that is JSON, and has no such key."""


class BrokenMember(BrokenJson):
    """A member of an array that cannot be read, while those behind it can."""


def json_array(file: BinaryIO, *keys: str, inside: str = "") -> Iterator[Any]:
    """Yield the items of the array that a file is, or that stands in an object under one of ``keys``.

    ``inside`` is the key of an object in the outermost one, which has the array.

    A member that is no JSON, or too large, is yielded as a BrokenMember. Raises BrokenJson where the rest of the file
    is lost, after the members before that place.
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
            yield reader.member()
            if reader.next_of(",]") == "]":
                return
    finally:
        reader.leave()


def json_value(file: BinaryIO, key: str) -> Any:
    """Return what stands under a key of the object that a file is. Raises BrokenJson."""
    reader = _Reader(file)
    try:
        reader.enter((key,))
        return reader.value()
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
            self.skip()
            if self.next_of(",}") == "}":
                raise MissingKey(f"The file has no {' or '.join(keys)}.")

    def member(self) -> Any:
        """Return the next value, or a BrokenMember behind which the text goes on."""
        try:
            return self.value()
        except BrokenMember as error:
            self.skip()
            return error

    def value(self) -> Any:
        """Return the next value. Raises BrokenMember in front of one that is none."""
        self.peek()
        size = CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
                # at the end of the buffer a number may go on: 1 or 1. or 1e of 1.5e-7
                if self._buffer[end : end + 1] not in _IN_NUMBER or not self._more(CHUNK):
                    self._at = end
                    return value
            except RecursionError:
                raise BrokenMember("It is nested too deeply.") from None
            except json.JSONDecodeError as error:
                if error.pos < len(self._buffer) - _CUT_OFF and not error.msg.startswith("Unterminated string"):
                    raise BrokenMember("It is not valid JSON.") from None
                if len(self._buffer) - self._at > LARGEST_MEMBER:
                    raise BrokenMember(f"It is larger than {LARGEST_MEMBER >> 20} MB, or not valid JSON.") from None
                if not self._more(size):
                    raise BrokenJson("The file ends too early, or is not valid JSON.") from None
                size *= 2
            except ValueError:
                raise BrokenMember("It has a number of too many digits.") from None

    def skip(self) -> None:
        """Go behind the next value, of which only the quotes and brackets need to be right, without keeping it."""
        if self.peek() not in set('"[{'):
            self._find(_END_OF_SCALAR)
            self._at -= 1
            return
        depth = 0
        while True:
            found = self._find(_STRUCTURE)
            if found == '"':
                while self._find(_END_OF_STRING) == "\\":
                    if self._at == len(self._buffer):
                        self._more(CHUNK)
                    self._at += 1
            else:
                depth += 1 if found in "[{" else -1
            if depth <= 0:
                return

    def _find(self, pattern: re.Pattern[str]) -> str:
        """Go behind the next of these characters, and return it."""
        while (found := pattern.search(self._buffer, self._at)) is None:
            self._at = len(self._buffer)
            if not self._more(CHUNK):
                raise BrokenJson("The file ends too early, or is not valid JSON.")
        self._at = found.end()
        return found[0]

    def _more(self, size: int) -> bool:
        """Read on; False at the end of the file."""
        added = self._text.read(size)
        if added:
            self._buffer = self._buffer[self._at :] + added
            self._at = 0
        return bool(added)
