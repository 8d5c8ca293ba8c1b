"""Response bodies, read with a limit on their size in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from .decompression import Decompressor, Unreadable

if TYPE_CHECKING:
    import httpx

__all__ = ["TooLarge", "Unreadable", "iter_body", "read_body", "read_start"]


class TooLarge(Exception):
    """The body is longer than its limit."""


async def iter_body(response: httpx.Response, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield the body as it arrives, decompressed, in pieces of at most 2 MiB.

    Raises :class:`TooLarge` after ``limit`` bytes, :class:`Unreadable`, and the errors of httpx. The decoders of httpx
    are not used: each returns everything that one compressed read expands to, at once.
    """
    decompressor = Decompressor(response.headers.get("content-encoding", ""))
    left = limit
    if response.is_stream_consumed:  # created in memory, as in tests
        yield response.content
        return
    async for compressed in response.aiter_raw():
        for number, piece in enumerate(decompressor.feed(compressed)):
            left -= len(piece)
            if left < 0:
                raise TooLarge
            if number:
                await asyncio.sleep(0)  # however much one read expands to, the screen is drawn meanwhile
            yield piece
    decompressor.finish()


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Return the whole body. Raises as :func:`iter_body` does."""
    if _declared_length(response) > limit:
        raise TooLarge
    async with aclosing(iter_body(response, limit)) as body:
        return b"".join([piece async for piece in body])


async def read_start(response: httpx.Response, limit: int, seconds: float = 10.0) -> bytes:
    """Return at most ``limit`` bytes of the body, as far as they arrive in time and intact; close the response.

    Meant for the explanation of an error: its status matters more than the failure to read the explanation.
    """
    import httpx

    start = bytearray()
    try:
        async with asyncio.timeout(seconds), aclosing(iter_body(response, limit + 3 * 1024 * 1024)) as body:
            async for piece in body:
                start += piece[: limit - len(start)]
                if len(start) >= limit:
                    break
    except (TimeoutError, httpx.HTTPError, TooLarge, Unreadable):
        pass
    finally:
        await response.aclose()
    return bytes(start)


def _declared_length(response: httpx.Response) -> int:
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else 0
