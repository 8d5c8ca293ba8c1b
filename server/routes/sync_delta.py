"""Delta mode of the sync endpoints: pushes of ops, and pulls after a number.

See docs/specification/endpoints.md#delta-push and docs/specification/endpoints.md#delta-pull, and for the
rules docs/specification/sync-protocol.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any, Final

from fastapi import Request, Response
from psycopg.errors import DataError, IntegrityError

from sterna.sync.wire import BadItem, DeltaPush, DeltaResponse

from ..database.pool import Connection
from ..dependencies import is_signed_in
from ..errors import ApiError, behind, instant
from ..http.compression import LARGE, compressed
from ..identity import Caller
from ..services import Services
from ..settings import MEGABYTE
from ..sync import pull as history
from ..sync.client_headers import Device
from ..sync.push import Forked, PushOperation

MAX_OPS: Final = 5_000
PAGE_BYTES: Final = 1024 * 1024
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
MAX_WAIT: Final = 55.0
MAX_NEWEST: Final = 500
MANY: Final = 100
"""Rows and acknowledgements above which a thread encodes the response."""


def is_delta(body: Any) -> bool:
    """Return whether a body is a push in delta mode."""
    return isinstance(body, dict) and body.get("sync") is not None


async def push(request: Request, caller: Caller, services: Services, device: Device, body: dict[str, Any]) -> Response:
    """Apply the ops of a push once; return their results, with rows if the device requests them."""
    if body.get("conversations"):
        raise ApiError(
            "bad_request", "A push of ops cannot contain conversations.", details="conversations has to be empty"
        )
    sync = body["sync"]
    ops = sync.get("ops") if isinstance(sync, dict) else None
    count = len(ops) if isinstance(ops, list) else 0
    if count > MAX_OPS:
        raise ApiError("payload_too_large", "Too many ops in one push.", details=f"The limit is {MAX_OPS}.")
    try:
        decode = partial(DeltaPush.decode, sync, is_clean=True)  # parsed bodies are
        delta = await asyncio.to_thread(decode) if count > MANY else decode()
    except BadItem as error:
        raise ApiError("bad_request", "The sync object is not valid.", details=error.word) from None
    raw = await request.body()
    operation = PushOperation(
        caller.user_id,
        delta,
        await _hash(raw),
        now=int(services.clock().timestamp() * 1000),
        sent_at=device.sent_at,
        size=len(raw),
        max_bytes=services.settings.account_megabytes * MEGABYTE,
    )
    try:
        try:
            result = await services.database.write(caller.identity, _work(operation, device))
        except (DataError, IntegrityError):
            operation = replace(operation, one_by_one=True)
            result = await services.database.write(caller.identity, _work(operation, device))
    except Forked:
        raise ApiError(
            "replica_forked", "A copy of this device's history has pushed under the same name.", details=delta.replica
        ) from None
    return await _response(request, caller, services, result)


async def _hash(body: bytes) -> str:
    return sha256(body).hexdigest() if len(body) < LARGE else await asyncio.to_thread(lambda: sha256(body).hexdigest())


def _work(operation: PushOperation, device: Device) -> Callable[[Connection], Awaitable[DeltaResponse]]:
    async def work(db: Connection) -> DeltaResponse:
        result = await operation.apply(db, device.seen)
        acks, seen = result.acks, result.seen
        if acks is None:
            return DeltaResponse(push_seq=operation.push.push_seq, resync=True, seen=seen)
        answer = DeltaResponse(push_seq=operation.push.push_seq, acks=acks)
        if device.pull is not None:
            page = history.PageRequest(
                operation.user,
                device.pull.cur,
                min(device.pull.max, MAX_PAGE_BYTES),
                seen.seq if seen is not None else 0,
                excluded=[ack.row.seq for ack in acks if ack.row is not None],
            )
            rows, cur, more = await history.page(db, page)
            answer = replace(answer, rows=rows, cur=cur, more=more)
        return replace(answer, seen=seen)

    return work


@dataclass(frozen=True, slots=True)
class PullQuery:
    """Query parameters of a pull."""

    since: int | None
    max_bytes: int | None
    wait: float | None
    newest: int | None
    session: str | None
    dead: int | None

    @property
    def is_delta(self) -> bool:
        """True if the query is for delta mode."""
        return not (self.since is None and self.newest is None and self.session is None)


async def pull(request: Request, caller: Caller, services: Services, device: Device, query: PullQuery) -> Response:
    """Return the rows after a number, the newest conversations, or the rows of one conversation."""
    since = query.since or 0
    page = history.PageRequest(
        caller.user_id,
        since,
        min(query.max_bytes or PAGE_BYTES, MAX_PAGE_BYTES),
        session_id=query.session,
        with_dead=query.session is None and not (since == 0 and query.dead == 0),
    )

    async def work(db: Connection, head: int) -> DeltaResponse:
        if query.newest is not None:
            return DeltaResponse(rows=await history.newest(db, caller.user_id, min(query.newest, MAX_NEWEST)))
        rows, cur, more = await history.page(db, replace(page, head=head))
        return DeltaResponse(rows=rows, cur=cur, more=more)

    if query.wait and query.since is not None and query.session is None:
        await _wait(caller, services, query.since, min(query.wait, MAX_WAIT))
        if not await is_signed_in(caller, services):
            raise ApiError("auth_required", "The session ended during the request.")
    return await _response(request, caller, services, await _read(caller, services, device, work))


async def _read(
    caller: Caller, services: Services, device: Device, work: Callable[[Connection, int], Awaitable[DeltaResponse]]
) -> DeltaResponse:
    """Read without a lock, unless the newest state has no name yet."""
    user = caller.user_id

    async def read_unlocked(db: Connection) -> DeltaResponse | None:
        head = await history.head(db, user, device.seen)
        if head.may_lag and not head.is_known:
            raise behind()  # a lagging standby does not mean another history
        if head.name is None:
            return None
        if not head.is_known:
            return DeltaResponse(resync=True, seen=head.name)
        answer = await work(db, head.seq)
        # an included row may belong to a commit after the named one
        return None if any(row.seq > head.seq for row in answer.rows) else replace(answer, seen=head.name)

    async def read_locked(db: Connection) -> DeltaResponse:
        seen = await history.name_head(db)
        head = await history.head(db, user, device.seen)
        return replace(await work(db, head.seq), seen=seen) if head.is_known else DeltaResponse(resync=True, seen=seen)

    answer = await services.database.read(caller.identity, read_unlocked)
    return answer if answer is not None else await services.database.write(caller.identity, read_locked)


async def _wait(caller: Caller, services: Services, since: int, seconds: float) -> None:
    """Wait until the head moves from ``since``, at most ``seconds``; return at once if it differs already."""
    with services.change_notifier.waiter(caller.user_id, since) as waiter:
        head = await services.database.read(caller.identity, lambda db: history.head(db, caller.user_id))
        if head.seq == since:
            await waiter.wait(seconds)


async def _response(request: Request, caller: Caller, services: Services, answer: DeltaResponse) -> Response:
    content: dict[str, Any] = {"success": True, "conversations": [], "syncTime": instant(services.clock())}
    if request.method == "POST":
        content["results"] = {"synced": 0, "errors": 0, "details": []}

    def encode() -> bytes:
        content["sync"] = replace(answer, user=str(caller.user_id)).encode()
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    many = len(answer.rows) + len(answer.acks) > MANY
    return await compressed(request, await asyncio.to_thread(encode) if many else encode())
