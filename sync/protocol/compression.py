"""Bodies of pushes, packed: with zstd where both ends have it, else with gzip at its fastest."""

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


def packed(body: bytes, caps: Collection[str]) -> bytes:
    """``body`` as a server with these capabilities takes it; the same bytes each time."""
    if "zstd" in caps and (zstandard := _zstandard()) is not None:
        squeezed: bytes = zstandard.ZstdCompressor(level=3).compress(body)
        return squeezed
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def coding(body: bytes) -> str:
    """What a packed body says of itself in ``Content-Encoding``."""
    return "zstd" if body.startswith(ZSTD_MAGIC) else "gzip"
