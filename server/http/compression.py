"""Answers compressed as the client can take them, where it pays: with zstd if both have it, else with gzip."""

from __future__ import annotations

import asyncio
import zlib
from importlib import import_module
from typing import Any

from fastapi import Request, Response

SMALL = 1024
"""Bytes under which compressing costs more than it saves."""
LARGE = 64 * 1024
"""Bytes from which on it is done beside the loop, which others wait for."""


def _zstandard() -> Any:
    try:
        return import_module("zstandard")
    except ImportError:
        return None


zstandard: Any = _zstandard()
"""None where it is not installed: then nobody is told that this server knows it."""


async def packed(request: Request, body: bytes) -> Response:
    """JSON as an answer, in a form that the request accepts."""
    headers = {"content-type": "application/json", "vary": "accept-encoding"}
    coding = chosen(request.headers.get("accept-encoding", "")) if len(body) >= SMALL else ""
    if coding:
        headers["content-encoding"] = coding
        squeeze = _zstd if coding == "zstd" else _gzip
        body = squeeze(body) if len(body) < LARGE else await asyncio.to_thread(squeeze, body)
    return Response(body, headers=headers)


def chosen(accepted: str) -> str:
    """The coding for an Accept-Encoding; "" for none."""
    taken = set()
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(name.strip())
    if "zstd" in taken and zstandard is not None:
        return "zstd"
    return "gzip" if "gzip" in taken else ""


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _zstd(body: bytes) -> bytes:
    squeezed: bytes = zstandard.ZstdCompressor(level=3).compress(body)
    return squeezed
