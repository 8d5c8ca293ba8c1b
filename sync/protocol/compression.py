"""Compression of pushes: zstd where both ends have it, else gzip at its fastest level."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Collection
from functools import cache
from typing import Any

GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@cache
def _zstandard() -> Any:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        return None


def compressed(body: bytes, caps: Collection[str]) -> bytes:
    """Return ``body`` compressed for a server with these capabilities; deterministic."""
    if "zstd" in caps and (zstandard := _zstandard()) is not None:
        result: bytes = zstandard.ZstdCompressor(level=3).compress(body)
        return result
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def content_encoding(body: bytes) -> str:
    """Return the ``Content-Encoding`` of a compressed body."""
    return "zstd" if body.startswith(ZSTD_MAGIC) else "gzip"
