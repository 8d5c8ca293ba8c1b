"""An answer's body, unpacked as it comes and never beyond a limit: a few packed bytes can be a gigabyte."""

from __future__ import annotations

import zlib
from functools import cache
from importlib import import_module
from typing import Any

SLICE = 256
"""Packed bytes that zstd is given at once: it has no limit of its own, and 4 bytes of it may be 128 KiB."""
WINDOW = 8 * 1024 * 1024


class TooLarge(Exception):
    """The body is longer than anybody needs."""


class Unreadable(Exception):
    """It is not packed as its header says, or in a way that nobody asked for."""


class Inflating:
    """One body."""

    def __init__(self, encoding: str, largest: int) -> None:
        """``encoding`` is Content-Encoding. Raises :class:`Unreadable`."""
        encoding = encoding.strip().lower()
        self._left = largest
        self._parts: list[bytes] = []
        self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding in ("gzip", "x-gzip") else None
        self._zstd: Any = None
        if encoding == "zstd" and (module := zstandard()) is not None:
            self._zstd = module.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
        elif self._gzip is None and encoding not in ("", "identity"):
            raise Unreadable

    def feed(self, data: bytes) -> None:
        """Take some more of it. Raises :class:`TooLarge` or :class:`Unreadable`."""
        if self._zstd is not None:
            for start in range(0, len(data), SLICE):
                self._keep(self._expanded(data[start : start + SLICE]))
        elif self._gzip is not None:
            try:
                self._keep(self._gzip.decompress(data, self._left + 1))
            except zlib.error:
                raise Unreadable from None
        else:
            self._keep(data)

    def all(self) -> bytes:
        """The whole of it. Raises :class:`Unreadable` where its end is missing."""
        unpacker = self._zstd or self._gzip
        if unpacker is not None and self._parts and not unpacker.eof:
            raise Unreadable
        return b"".join(self._parts)

    def _keep(self, some: bytes) -> None:
        if len(some) > self._left:
            raise TooLarge
        self._left -= len(some)
        self._parts.append(some)

    def _expanded(self, some: bytes) -> bytes:
        if self._zstd.eof:
            raise Unreadable
        try:
            found: bytes = self._zstd.decompress(some)
        except zstandard().ZstdError:
            raise Unreadable from None
        return found


def offered() -> str:
    """What Accept-Encoding may say."""
    return "gzip" if zstandard() is None else "gzip, zstd"


@cache
def zstandard() -> Any:
    """The module, where it is installed."""
    try:
        return import_module("zstandard")
    except ImportError:
        return None
