"""Change feed: a stream of the head of a history.

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
from ..sync.change_notifier import Waiter
from ..sync.client_headers import DeviceHeadersDep

router = APIRouter(prefix="/api/chat/sync/head", tags=["sync"], dependencies=[limited("C", devices=True)])

HEARTBEAT: Final = 25.0
MAX_SECONDS: Final = 3600.0
"""Duration of a stream, after which devices connect again."""


@router.get(
    "",
    response_class=Response,
    responses=refusals(426)
    | {200: {"description": 'Events of type head with data {"seq": <number>}', "content": {"text/event-stream": {}}}},
)
async def heads(caller: User, services: ServicesDep, headers: DeviceHeadersDep) -> Response:
    """Stream the number of the newest change as server-sent events, at once and whenever it changes."""
    headers.device()
    head = await services.database.read(caller.identity, lambda db: pull.head(db, caller.user_id))
    services.change_notifier.check(caller.user_id)

    async def events() -> AsyncIterator[bytes]:
        with services.change_notifier.waiter(caller.user_id, head.seq) as waiter:
            async for event in _events(waiter):
                try:
                    if not await is_signed_in(caller, services):
                        return
                except ApiError:
                    return  # the database is unreachable; the device connects again
                yield event

    return StreamingResponse(events(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _events(waiter: Waiter) -> AsyncIterator[bytes]:
    yield _event(waiter.seq)
    for _ in range(int(MAX_SECONDS / HEARTBEAT)):
        if await waiter.wait(HEARTBEAT):
            yield _event(waiter.seq)
        elif waiter.is_over:
            return
        else:
            yield b": still here\n\n"


def _event(seq: int) -> bytes:
    return b'event: head\ndata: {"seq": %d}\n\n' % seq
