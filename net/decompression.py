"""Decompression in small pieces: a few packed bytes can be a gigabyte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

PIECE = 64 * 1024
"""Bytes that one step gives at most; zstd gives up to 2 MiB."""
ZSTD_STEP = 64
"""Packed bytes that zstd takes in one step: its interface has no limit, and four bytes may stand for 128 KiB."""
ZSTD_WINDOW = 8 * 1024 * 1024


class Unreadable(Exception):
    """The body is not packed as its header says, or in a way that was not asked for."""


class Inflater:
    """Content-Encoding taken off one body."""

    def __init__(self, encoding: str) -> None:
        """``encoding`` is the header's value. Raises :class:`Unreadable` for what is not supported."""
        names = [name for one in encoding.lower().split(",") if (name := one.strip()) not in ("", "identity")]
        if len(names) > 1:
            raise Unreadable  # packed twice only to multiply what comes out
        self._step = self._plain
        self._zlib: Any = None
        self._zstd: Any = None
        self._head = b""
        self._fed = False
        if not names:
            return
        if names[0] in ("gzip", "x-gzip"):
            self._zlib, self._step = zlib.decompressobj(16 + zlib.MAX_WBITS), self._gunzip
        elif names[0] == "deflate":
            self._step = self._deflated
        elif names[0] == "zstd" and zstandard() is not None:
            self._zstd = zstandard().ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
            self._step = self._unzstd
        else:
            raise Unreadable

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` adds, in pieces. Raises :class:`Unreadable`."""
        if data:
            self._fed = True
            yield from self._step(data)

    def finish(self) -> None:
        """Raise :class:`Unreadable` where the end is missing."""
        unpacker = self._zlib or self._zstd
        if self._head or (self._fed and unpacker is not None and not unpacker.eof):
            raise Unreadable

    def _plain(self, data: bytes) -> Iterator[bytes]:
        yield data

    def _gunzip(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._zlib.eof:  # a gzip body may have several members
                self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)
            yield from self._inflated(data)
            data = self._zlib.unused_data

    def _deflated(self, data: bytes) -> Iterator[bytes]:
        """Yield pieces of a deflate body, which some servers send without the zlib header that it should have."""
        if self._zlib is None:
            data, self._head = self._head + data, b""
            if len(data) < 2:
                self._head = data
                return
            wrapped = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._zlib = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        if not self._zlib.eof:
            yield from self._inflated(data)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                piece: bytes = self._zlib.decompress(data, PIECE)
                data = self._zlib.unconsumed_tail
                if piece:
                    yield piece
                if self._zlib.eof or not (data or piece):
                    return
        except zlib.error:
            raise Unreadable from None

    def _unzstd(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_STEP):
            if self._zstd.eof:
                raise Unreadable
            try:
                piece: bytes = self._zstd.decompress(data[start : start + ZSTD_STEP])
            except zstandard().ZstdError:
                raise Unreadable from None
            if piece:
                yield piece


def offered() -> str:
    """Return what Accept-Encoding may say."""
    return "gzip" if zstandard() is None else "gzip, zstd"


@cache
def zstandard() -> Any:
    """Return the module ``zstandard``, or None where it is not installed."""
    try:
        return import_module("zstandard")
    except ImportError:
        return None
