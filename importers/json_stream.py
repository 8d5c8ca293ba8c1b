"""JSON files of any size, one item at a time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from .spilled import SpilledList, SpilledMap

CHUNK = 1 << 20
LARGE = 1 << 22
"""Characters of a member of which parts may be kept in a file."""
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


class LargeParts(NamedTuple):
    """What of a member that is :data:`LARGE` is read piece by piece, whatever its size."""

    spilled: frozenset[str] = frozenset()
    """Keys of an object or an array that becomes a SpilledMap or SpilledList."""
    around: frozenset[str] = frozenset()
    """Keys of objects in which such a key may stand."""


class BrokenJson(ValueError):
    """A file that is no JSON from some place on; the message is a sentence."""


class MissingKey(BrokenJson):
    """A file that is JSON, and has no such key."""


class BrokenMember(BrokenJson):
    """A member of an array that cannot be read, while those behind it can."""


class _TooLarge(BrokenMember):
    """A member that is too large to be parsed as a whole."""


def json_array(file: BinaryIO, *keys: str, inside: str = "", parts: LargeParts = LargeParts()) -> Iterator[Any]:  # noqa: B008
    """Yield the items of the array that a file is, or that stands in an object under one of ``keys``.

    ``inside`` is the key of an object in the outermost one, which has the array. ``parts`` says what of a large member
    does not need to be in memory at once.

    A member that is no JSON, or too large, is yielded as a BrokenMember. Raises BrokenJson where the rest of the file
    is lost, after the members before that place.
    """
    reader = _Reader(file, parts)
    try:
        is_whole = not inside and reader.peek() == "["
        if inside:
            reader.enter((inside,))
        if keys and reader.peek() == "{":
            reader.enter(keys)
        reader.expect("[")
        if reader.peek() == "]":
            reader.expect("]")
        else:
            yield reader.member()
            while reader.next_of(",]") == ",":
                yield reader.member()
        if is_whole and reader.peek():
            yield BrokenMember("It stands behind the end of the JSON, where nothing is read.")
    finally:
        reader.leave()


def json_objects(file: BinaryIO, parts: LargeParts) -> Iterator[Any]:
    """Yield the objects that follow one another in a file, of which most have one; they may be large.

    One that is no JSON is yielded as a BrokenMember. Raises BrokenJson where the rest of the file is lost.
    """
    reader = _Reader(file, parts)
    try:
        while reader.peek() == "{":
            yield reader.member()
        if reader.peek():
            yield BrokenMember("It stands behind the end of the JSON, where nothing is read.")
    finally:
        reader.leave()


def json_object(file: BinaryIO, parts: LargeParts) -> Any:
    """Return the value that a file begins with, which may be large. Raises BrokenJson."""
    reader = _Reader(file, parts)
    try:
        value = reader.member()
    finally:
        reader.leave()
    if isinstance(value, BrokenMember):
        raise BrokenJson(f"The file{str(value).removeprefix('It')}")
    return value


def json_value(file: BinaryIO, key: str) -> Any:
    """Return what stands under a key of the object that a file is. Raises BrokenJson."""
    reader = _Reader(file)
    try:
        reader.enter((key,))
        return reader.value()
    finally:
        reader.leave()


def json_lines(file: BinaryIO, parts: LargeParts | None = None) -> Iterator[tuple[int, Any]]:
    """Yield the number, from 1, and the value of each line that is not blank; a BrokenJson for one that is no JSON.

    ``parts`` says what of a large line does not need to be in memory at once.
    """
    number = 0
    most = LARGEST_ITEM if parts is None else LARGE
    while line := file.readline(most):
        number += 1
        too_long = len(line) == most and not line.endswith(b"\n")
        if too_long and parts is not None:
            yield number, _large_line(file, line, parts, number)
            continue
        while too_long and (rest := file.readline(CHUNK)) and not rest.endswith(b"\n"):
            pass
        text = "" if too_long else line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if too_long:
            yield number, BrokenJson(f"Line {number} is longer than {LARGEST_ITEM} bytes.")
        elif text:
            try:
                yield number, json.loads(text, strict=False)
            except (ValueError, RecursionError):
                yield number, _broken_line(number)


def _large_line(file: BinaryIO, start: bytes, parts: LargeParts, number: int) -> Any:
    line = _Line(file, start)
    reader = _Reader(io.BufferedReader(line, CHUNK), parts)
    try:
        value = reader.member()
    except BrokenJson as error:
        value = error
    while not line.is_over:
        line.read(CHUNK)
    return _broken_line(number) if isinstance(value, BrokenJson) else value


def _broken_line(number: int) -> BrokenJson:
    return BrokenJson(f"Line {number} is not valid JSON.")


class _Line(io.RawIOBase):
    """One line of a file, of which the beginning was read."""

    def __init__(self, file: BinaryIO, start: bytes) -> None:
        self._file = file
        self._waiting = start
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if not self._waiting and not self.is_over:
            self._waiting = self._file.readline(CHUNK)
            self.is_over = not self._waiting.endswith(b"\n") and len(self._waiting) < CHUNK
        part, self._waiting = self._waiting[: len(buffer)], self._waiting[len(buffer) :]
        self.is_over = self.is_over or part.endswith(b"\n")
        buffer[: len(part)] = part
        return len(part)


class _Reader:
    """Text of a file, and the place up to which it was read."""

    def __init__(self, file: BinaryIO, parts: LargeParts = LargeParts()) -> None:  # noqa: B008 - it never changes
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        self._decoder = json.JSONDecoder(strict=False)
        self._buffer = ""
        self._at = 0
        self._parts = parts
        self._opened = 0
        """Brackets of a large member that are open."""

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
            return self.value(LARGE if self._parts.spilled else LARGEST_MEMBER)
        except _TooLarge:
            return self._large_member()
        except BrokenMember as error:
            self.skip()
            return error

    def _large_member(self) -> Any:
        self._opened = 0
        try:
            return self._object() if self.peek() == "{" else self.value()
        except BrokenMember as error:
            broken = error
            self.skip()  # what cannot be read is the next value
        except BrokenJson:
            broken = BrokenMember("It is not valid JSON.")
        if self._opened:
            self.skip(self._opened)
        return broken

    def _object(self) -> dict[str, Any]:
        """Return an object with its large parts in files."""
        found: dict[str, Any] = {}
        for key in self._entries("{", "}"):
            if key in self._parts.spilled and self.peek() == "{":
                found[key] = large = SpilledMap[str, Any]()
                for name in self._entries("{", "}"):
                    large[name] = self.value()
            elif key in self._parts.spilled and self.peek() == "[":
                found[key] = items = SpilledList[Any]()
                for _ in self._entries("[", "]"):
                    items.append(self.value())
            elif key in self._parts.around and self.peek() == "{":
                found[key] = self._object()
            else:
                found[key] = self.value()
        return found

    def _entries(self, opening: str, closing: str) -> Iterator[str]:
        """Yield in front of each value of an object or an array; of an object its key."""
        self.expect(opening)
        self._opened += 1
        if self.peek() == closing:
            self.expect(closing)
        else:
            while True:
                key = ""
                if opening == "{":
                    key = self.value() if self.peek() == '"' else self.next_of('"')
                    self.expect(":")
                yield key
                if self.next_of("," + closing) == closing:
                    break
        self._opened -= 1

    def value(self, most: int = 0) -> Any:
        """Return the next value, of at most so many characters. Raises BrokenMember in front of one that is none."""
        most = most or LARGEST_MEMBER
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
                if len(self._buffer) - self._at > most:
                    raise _TooLarge(f"It is larger than {most >> 20} MB, or not valid JSON.") from None
                if not self._more(size):
                    raise BrokenJson("The file ends too early, or is not valid JSON.") from None
                size *= 2
            except ValueError:
                raise BrokenMember("It has a number of too many digits.") from None

    def skip(self, depth: int = 0) -> None:
        """Go behind the next value, of which only the quotes and brackets need to be right, without keeping it.

        With ``depth``, go behind so many brackets that are open.
        """
        if not depth and self.peek() not in set('"[{'):
            self._find(_END_OF_SCALAR)
            self._at -= 1
            return
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
