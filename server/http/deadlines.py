"""Requests end: after a limit of time, and when their client has left.

The work of a client that has left is cancelled, down to its statement in PostgreSQL. :class:`.header_limits.Heads`
notices the lost connection and cancels the task that this middleware names.
"""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..database.pool import too_slow
from ..rest.errors import shaped

SECONDS = 120.0
"""Limit of most requests, from the end of their headers to the end of the answer."""

LONGER = {
    "/api/chat": 1800.0,
    "/api/chat/stream": 1800.0,
    "/api/chat/sync/head": 3700.0,
    "/api/user/account": 900.0,
    "/api/user/export": 900.0,
    "/api/chat/clear-all": 900.0,
}
"""Limits of replies of a model, of the event stream, and of what goes through a whole account."""


class Deadlines:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or give up on it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        task = asyncio.current_task()
        scope["sterna.task"] = task
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        deadline = asyncio.timeout(LONGER.get(scope["path"], SECONDS))
        try:
            async with deadline:
                await self._app(scope, receive, noted)
        except TimeoutError:
            if not deadline.expired():
                raise
            if has_begun:  # its end would look like a whole answer
                if abort := scope.get("sterna.abort"):
                    abort()
                return
            error = too_slow()
            headers = {"connection": "close", "retry-after": str(error.retry_after)}
            await JSONResponse(shaped(error, scope["path"]).body(), error.status, headers)(scope, receive, send)
        except asyncio.CancelledError:
            if task is None or not scope.get("sterna.left"):
                raise
            task.uncancel()
        finally:
            scope.pop("sterna.task", None)


def leave(scope: Scope) -> None:
    """Cancel the work of a request whose client has left."""
    task: asyncio.Task[None] | None = scope.get("sterna.task")
    if task is not None and not task.done():
        scope["sterna.left"] = True
        task.cancel()
