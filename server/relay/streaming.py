"""Streamed responses, which stop when the client disconnects.

Each chunk waits until the socket has accepted the previous one, so a slow client slows the model down and does not fill
the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import ApiError

T = TypeVar("T")


async def unless_disconnected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``; cancel it and raise ApiError when the client disconnects."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError("bad_request", "The client disconnected.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Streamed(Response):
    """Response of text chunks, after which the connection is closed. ``ended`` is called once in any case.

    If the client has already disconnected the generator never starts, so it cannot release its resources itself.
    """

    def __init__(
        self, chunks: AsyncGenerator[str, None], ended: Callable[[], Awaitable[None]], headers: Mapping[str, str]
    ) -> None:
        super().__init__(None, 200, media_type="text/plain")
        del self.headers["content-length"]
        for name, value in {**headers, "Connection": "close", "Cache-Control": "no-store"}.items():
            self.headers[name] = value
        self.headers["X-Accel-Buffering"] = "no"
        self._chunks, self._ended = chunks, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks until the client disconnects."""
        try:
            await unless_disconnected(receive, self._send(send))
        except ApiError:
            return  # the client cannot be answered
        finally:
            await self._chunks.aclose()
            await self._ended()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._chunks:
            if chunk:
                body = chunk.encode("utf-8", "replace")
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
