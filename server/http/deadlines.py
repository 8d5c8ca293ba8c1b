"""Cancellation of requests at a time limit and when their client disconnects.

A cancelled request also cancels its statement in PostgreSQL. :class:`.header_limits.LimitedProtocol` notices a lost
connection and cancels the task that this middleware stores in the scope.
"""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..database.pool import too_slow
from ..rest.errors import shaped

SECONDS = 120.0
"""Time limit of most requests, from the end of the headers to the end of the response."""

LONG_SECONDS = {
    "/api/chat": 1800.0,
    "/api/chat/stream": 1800.0,
    "/api/chat/sync/head": 3700.0,
    "/api/user/account": 900.0,
    "/api/user/export": 900.0,
    "/api/chat/clear-all": 900.0,
}
"""Time limits of model replies, of the event stream, and of requests that read or delete a whole account."""


class Deadlines:
    """ASGI middleware that cancels requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request, up to its time limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        task = asyncio.current_task()
        scope["sterna.task"] = task
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        deadline = asyncio.timeout(LONG_SECONDS.get(scope["path"], SECONDS))
        try:
            async with deadline:
                await self._app(scope, receive, send_and_note)
        except TimeoutError:
            if not deadline.expired():
                raise
            if has_begun:  # a normal end would look like a complete response
                if abort := scope.get("sterna.abort"):
                    abort()
                return
            error = too_slow()
            headers = {"connection": "close", "retry-after": str(error.retry_after)}
            await JSONResponse(shaped(error, scope["path"]).body(), error.status, headers)(scope, receive, send)
        except asyncio.CancelledError:
            if task is None or not scope.get("sterna.disconnected"):
                raise
            task.uncancel()
        finally:
            scope.pop("sterna.task", None)


def cancel_request(scope: Scope) -> None:
    """Cancel a request whose client has disconnected."""
    task: asyncio.Task[None] | None = scope.get("sterna.task")
    if task is not None and not task.done():
        scope["sterna.disconnected"] = True
        task.cancel()
