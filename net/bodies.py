"""Bodies of answers, never more of them in memory than was allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from .decompression import Inflater, Unreadable

if TYPE_CHECKING:
    import httpx

__all__ = ["TooLarge", "Unreadable", "beginning", "pieces", "whole"]


class TooLarge(Exception):
    """The body is longer than anybody needs."""


async def pieces(response: httpx.Response, most: int) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes, decompressed, in pieces of at most 2 MiB.

    Raises :class:`TooLarge` after ``most`` bytes, :class:`Unreadable`, and the errors of httpx. The decoders of httpx
    are not used: they give all that one packed read stands for at once.
    """
    inflater = Inflater(response.headers.get("content-encoding", ""))
    left = most
    if response.is_stream_consumed:  # made in memory, as a test's are
        yield response.content
        return
    async for packed in response.aiter_raw():
        for number, piece in enumerate(inflater.feed(packed)):
            left -= len(piece)
            if left < 0:
                raise TooLarge
            if number:
                await asyncio.sleep(0)  # whatever one read unpacks to, the screen is drawn meanwhile
            yield piece
    inflater.finish()


async def whole(response: httpx.Response, most: int) -> bytes:
    """Return the body. Raises as :func:`pieces` does."""
    if _declared(response) > most:
        raise TooLarge
    async with aclosing(pieces(response, most)) as body:
        return b"".join([piece async for piece in body])


async def beginning(response: httpx.Response, most: int, seconds: float = 10.0) -> bytes:
    """Return at most ``most`` bytes of the body, as far as they come in time and intact; closes the response.

    For the explanation of an error: the status says more than how its explanation broke off.
    """
    import httpx

    found = bytearray()
    try:
        async with asyncio.timeout(seconds), aclosing(pieces(response, most + 3 * 1024 * 1024)) as body:
            async for piece in body:
                found += piece[: most - len(found)]
                if len(found) >= most:
                    break
    except (TimeoutError, httpx.HTTPError, TooLarge, Unreadable):
        pass
    finally:
        await response.aclose()
    return bytes(found)


def _declared(response: httpx.Response) -> int:
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else 0
