"""Decompression of response bodies in small pieces: a few compressed bytes can expand to a gigabyte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

PIECE = 64 * 1024
"""Most bytes that one step returns; a step of zstd returns up to 2 MiB."""
ZSTD_STEP = 64
"""Compressed bytes per step of zstd: its interface has no output limit, and four bytes can expand to 128 KiB."""
ZSTD_WINDOW = 8 * 1024 * 1024


class Unreadable(Exception):
    """The body is not compressed as its header says, or with an encoding that was not requested."""


class Decompressor:
    """Incremental decoder of the Content-Encoding of one body."""

    def __init__(self, encoding: str) -> None:
        """Create a decoder for the header's value. Raises :class:`Unreadable` for an unsupported one."""
        parts = [part.strip() for part in encoding.lower().split(",")]
        names = [name for name in parts if name not in ("", "identity")]
        if len(names) > 1:
            raise Unreadable  # compressing twice serves only to multiply the size
        self._step = self._identity
        self._zlib: Any = None
        self._zstd: Any = None
        self._head = b""
        self._has_data = False
        if not names:
            return
        if names[0] in ("gzip", "x-gzip"):
            self._zlib, self._step = zlib.decompressobj(16 + zlib.MAX_WBITS), self._gzip
        elif names[0] == "deflate":
            self._step = self._deflate
        elif names[0] == "zstd" and zstandard() is not None:
            self._zstd = zstandard().ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
            self._step = self._decode_zstd
        else:
            raise Unreadable

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` expands to, in pieces. Raises :class:`Unreadable`."""
        if data:
            self._has_data = True
            yield from self._step(data)

    def finish(self) -> None:
        """Raise :class:`Unreadable` where the end is missing."""
        decoder = self._zlib or self._zstd
        if self._head or (self._has_data and decoder is not None and not decoder.eof):
            raise Unreadable

    def _identity(self, data: bytes) -> Iterator[bytes]:
        yield data

    def _gzip(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._zlib.eof:  # a gzip body can have several members
                self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)
            yield from self._inflated(data)
            data = self._zlib.unused_data

    def _deflate(self, data: bytes) -> Iterator[bytes]:
        """Yield pieces of a deflate body, which some servers send without the zlib header it should have."""
        if self._zlib is None:
            data, self._head = self._head + data, b""
            if len(data) < 2:
                self._head = data
                return
            has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._zlib = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
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

    def _decode_zstd(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_STEP):
            if self._zstd.eof:
                raise Unreadable
            try:
                piece: bytes = self._zstd.decompress(data[start : start + ZSTD_STEP])
            except zstandard().ZstdError:
                raise Unreadable from None
            if piece:
                yield piece


def accept_encoding() -> str:
    """Return the value for Accept-Encoding."""
    return "gzip" if zstandard() is None else "gzip, zstd"


@cache
def zstandard() -> Any:
    """Return the module ``zstandard``, or None where it is not installed."""
    try:
        return import_module("zstandard")
    except ImportError:
        return None
