"""A body that is sent as it is made, and given up on as soon as the client leaves.

Each piece waits until the socket has taken the one before, so a slow client slows the model down and fills no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import ApiError

T = TypeVar("T")


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; it is cancelled when the client leaves, and then ApiError is raised, which nobody reads."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError("bad_request", "The client left.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Streamed(Response):
    """``pieces`` as text, the connection closed after them. ``ended`` is called once in any case.

    Where the client has left already the pieces are never begun, and so could not close what they are made from.
    """

    def __init__(
        self, pieces: AsyncGenerator[str, None], ended: Callable[[], Awaitable[None]], headers: Mapping[str, str]
    ) -> None:
        super().__init__(None, 200, media_type="text/plain")
        del self.headers["content-length"]
        for name, value in {**headers, "Connection": "close", "Cache-Control": "no-store"}.items():
            self.headers[name] = value
        self.headers["X-Accel-Buffering"] = "no"
        self._pieces, self._ended = pieces, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, or stop where the client leaves."""
        try:
            await unless_gone(receive, self._send(send))
        except ApiError:
            return  # there is nobody to answer
        finally:
            await self._pieces.aclose()
            await self._ended()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            if piece:
                body = piece.encode("utf-8", "replace")
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
