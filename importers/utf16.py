"""JSON that a program wrote in UTF-16, as Windows tools do, read as UTF-8."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BEGINNINGS = ("{", "[")
_CHUNK = 1 << 16


def in_utf8(file: io.BufferedReader) -> BinaryIO:
    """Return a file at its beginning; JSON in UTF-16 as UTF-8, anything else as it is."""
    start = file.peek(64)[:64]
    marked = _MARKS.get(start[:2])
    for encoding in (marked,) if marked else ("utf-16-le", "utf-16-be"):
        text = start[2 if marked else 0 :].decode(encoding, "replace").lstrip()
        if text.startswith(_BEGINNINGS):
            if marked:
                file.read(2)
            return io.BufferedReader(_Recoded(file, encoding), _CHUNK)
    return file


class _Recoded(io.RawIOBase):
    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._waiting:
            data = self._file.read(_CHUNK)
            self._waiting = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
            if not data:
                break
        part, self._waiting = self._waiting[: len(buffer)], self._waiting[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()
