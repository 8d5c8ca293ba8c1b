"""An answer's body, unpacked as it comes and never beyond a limit: a few packed bytes can be a gigabyte."""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any, Protocol

OFFERED = ("gzip",)


class TooLarge(Exception):
    """The body is longer than anybody needs."""


class Unreadable(Exception):
    """It is not packed as its header says, or in a way that nobody asked for."""


class _Unpacker(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Inflating:
    """One body."""

    def __init__(self, encoding: str, largest: int) -> None:
        """``encoding`` is Content-Encoding. Raises :class:`Unreadable`."""
        self._left = largest
        self._parts: list[bytes] = []
        self._unpacker = _unpacker(encoding.strip().lower())

    def feed(self, data: bytes) -> None:
        """Take some more of it. Raises :class:`TooLarge` or :class:`Unreadable`."""
        if self._unpacker is not None:
            try:
                data = self._unpacker.decompress(data, self._left + 1)
            except Exception as error:
                if isinstance(error, MemoryError):
                    raise
                raise Unreadable from None  # zlib.error, or ZstdError of a module that may not be there; EOFError
        if len(data) > self._left:
            raise TooLarge
        self._left -= len(data)
        self._parts.append(data)

    def all(self) -> bytes:
        """The whole of it. Raises :class:`Unreadable` where its end is missing."""
        if self._unpacker is not None and self._parts and not getattr(self._unpacker, "eof", True):
            raise Unreadable
        return b"".join(self._parts)


def offered() -> str:
    """What Accept-Encoding may say."""
    return ", ".join((*OFFERED, *(("zstd",) if zstd() is not None else ())))


def zstd() -> Any:
    """The module that knows Zstandard: the standard library has one from Python 3.14 on; else None."""
    try:
        return import_module("compression.zstd")
    except ImportError:
        return None


def _unpacker(encoding: str) -> _Unpacker | None:
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    if encoding == "zstd" and (module := zstd()) is not None:
        unpacker: _Unpacker = module.ZstdDecompressor()
        return unpacker
    raise Unreadable
