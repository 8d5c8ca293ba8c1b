"""Compression of responses where it pays, with zstd if both sides support it and gzip otherwise."""

from __future__ import annotations

import asyncio
import zlib
from importlib import import_module
from typing import Any

from fastapi import Request, Response

SMALL = 1024
"""Bytes below which compression costs more than it saves."""
LARGE = 64 * 1024
"""Bytes from which on a thread compresses, so that the event loop does not stall."""


def _zstandard() -> Any:
    try:
        return import_module("zstandard")
    except ImportError:
        return None


zstandard: Any = _zstandard()
"""None where it is not installed; the server then does not advertise it."""


async def compressed(request: Request, body: bytes) -> Response:
    """Return a response with a JSON body, compressed as the request accepts it."""
    headers = {"content-type": "application/json", "vary": "accept-encoding"}
    coding = choose_coding(request.headers.get("accept-encoding", "")) if len(body) >= SMALL else ""
    if coding:
        headers["content-encoding"] = coding
        compress = _zstd if coding == "zstd" else _gzip
        body = compress(body) if len(body) < LARGE else await asyncio.to_thread(compress, body)
    return Response(body, headers=headers)


def choose_coding(accepted: str) -> str:
    """Return the content coding for an Accept-Encoding; "" for none."""
    names = set()
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            names.add(name.strip())
    if "zstd" in names and zstandard is not None:
        return "zstd"
    return "gzip" if "gzip" in names else ""


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def _zstd(body: bytes) -> bytes:
    frame: bytes = zstandard.ZstdCompressor(level=3).compress(body)
    return frame
