"""Change feed: a stream that says when a history moved, and no more than that.

See docs/specification/endpoints.md#sync-head.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from ..dependencies import ServicesDep, User, is_signed_in, limited
from ..errors import ApiError
from ..openapi import refusals
from ..sync import pull
from ..sync.change_notifier import Waiting
from ..sync.client_headers import Asked

router = APIRouter(prefix="/api/chat/sync/head", tags=["sync"], dependencies=[limited("C", devices=True)])

HEARTBEAT: Final = 25.0
LONGEST: Final = 3600.0
"""Seconds that a stream lasts: whoever is shut out is so within the hour. A device just asks again."""


@router.get(
    "",
    response_class=Response,
    responses=refusals(426)
    | {200: {"description": 'Events of the kind head, data {"seq": <number>}', "content": {"text/event-stream": {}}}},
)
async def heads(caller: User, services: ServicesDep, asked: Asked) -> Response:
    """Server-sent events: the number of the newest change, at once and whenever it moves."""
    asked.device()
    head = await services.database.read(caller.identity, lambda db: pull.head(db, caller.user_id))
    services.news.check(caller.user_id)

    async def events() -> AsyncIterator[bytes]:
        with services.news.waiting(caller.user_id, head.seq) as waiting:
            async for piece in _told(waiting):
                try:
                    if not await is_signed_in(caller, services):
                        return
                except ApiError:
                    return  # the database is away; who listens asks again
                yield piece

    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


async def _told(waiting: Waiting) -> AsyncIterator[bytes]:
    yield _event(waiting.seq)
    for _ in range(int(LONGEST / HEARTBEAT)):
        if await waiting.news(HEARTBEAT):
            yield _event(waiting.seq)
        elif waiting.is_over:
            return
        else:
            yield b": still here\n\n"


def _event(seq: int) -> bytes:
    return b'event: head\ndata: {"seq": %d}\n\n' % seq
