"""The delta mode on the paths of sync: a push of ops, a pull from a number on.

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

from sterna.sync.wire import BadItem, DeltaAnswer, DeltaPush

from ..database.pool import Connection
from ..dependencies import is_signed_in
from ..errors import ApiError, behind, instant
from ..http.compression import LARGE, compressed
from ..identity import Caller
from ..services import Services
from ..settings import MEGABYTE
from ..sync import pull as reading
from ..sync import push as writing
from ..sync.client_headers import Device

MOST_OPS: Final = 5_000
PAGE_BYTES: Final = 1024 * 1024
MOST_BYTES: Final = 4 * 1024 * 1024
MOST_WAIT: Final = 55.0
MOST_NEWEST: Final = 500
MANY: Final = 100
"""Rows and acks from which on an answer is written beside the loop."""


def is_delta(body: Any) -> bool:
    """Whether a push says ops, beyond upstream's words."""
    return isinstance(body, dict) and body.get("sync") is not None


async def push(request: Request, caller: Caller, services: Services, device: Device, body: dict[str, Any]) -> Response:
    """Do the ops of a push, once; rows that were asked for come along."""
    if body.get("conversations"):
        raise ApiError("bad_request", "A push of ops has no conversations.", details="conversations has to be empty")
    sync = body["sync"]
    ops = sync.get("ops") if isinstance(sync, dict) else None
    count = len(ops) if isinstance(ops, list) else 0
    if count > MOST_OPS:
        raise ApiError("payload_too_large", "Too many ops at once.", details=f"At most {MOST_OPS} are taken.")
    try:
        decode = partial(DeltaPush.decode, sync, is_clean=True)  # as every body is, once it is parsed
        asked = await asyncio.to_thread(decode) if count > MANY else decode()
    except BadItem as error:
        raise ApiError("bad_request", "The sync object is not understood.", details=error.word) from None
    raw = await request.body()
    one = writing.Pushing(
        caller.user_id,
        asked,
        await _hash(raw),
        now=int(services.clock().timestamp() * 1000),
        sent_at=device.sent_at,
        size=len(raw),
        most_bytes=services.settings.account_megabytes * MEGABYTE,
    )
    try:
        try:
            told = await services.database.write(caller.identity, _pushed(one, device))
        except (DataError, IntegrityError):
            told = await services.database.write(caller.identity, _pushed(replace(one, one_by_one=True), device))
    except writing.Forked:
        raise ApiError(
            "replica_forked", "Another copy of this device's history has pushed under its name.", details=asked.replica
        ) from None
    return await _answer(request, caller, services, told)


async def _hash(body: bytes) -> str:
    return sha256(body).hexdigest() if len(body) < LARGE else await asyncio.to_thread(lambda: sha256(body).hexdigest())


def _pushed(one: writing.Pushing, device: Device) -> Callable[[Connection], Awaitable[DeltaAnswer]]:
    async def work(db: Connection) -> DeltaAnswer:
        done = await one.done(db, device.seen)
        acks, seen = done.acks, done.seen
        if acks is None:
            return DeltaAnswer(push_seq=one.asked.push_seq, resync=True, seen=seen)
        told = DeltaAnswer(push_seq=one.asked.push_seq, acks=acks)
        if device.pull is not None:
            wanted = reading.Wanted(
                one.user,
                device.pull.cur,
                min(device.pull.max, MOST_BYTES),
                seen.seq if seen is not None else 0,
                but=[ack.row.seq for ack in acks if ack.row is not None],
            )
            rows, cur, more = await reading.page(db, wanted)
            told = replace(told, rows=rows, cur=cur, more=more)
        return replace(told, seen=seen)

    return work


@dataclass(frozen=True, slots=True)
class Question:
    """What a device asks for."""

    since: int | None
    max_bytes: int | None
    wait: float | None
    newest: int | None
    session: str | None
    dead: int | None

    @property
    def is_delta(self) -> bool:
        """Whether it is beyond upstream's words."""
        return not (self.since is None and self.newest is None and self.session is None)


async def pull(request: Request, caller: Caller, services: Services, device: Device, asked: Question) -> Response:
    """What is new since a number; the newest conversations; or all of one."""
    since = asked.since or 0
    wanted = reading.Wanted(
        caller.user_id,
        since,
        min(asked.max_bytes or PAGE_BYTES, MOST_BYTES),
        session_id=asked.session,
        with_dead=asked.session is None and not (since == 0 and asked.dead == 0),
    )

    async def work(db: Connection, head: int) -> DeltaAnswer:
        if asked.newest is not None:
            return DeltaAnswer(rows=await reading.newest(db, caller.user_id, min(asked.newest, MOST_NEWEST)))
        rows, cur, more = await reading.page(db, replace(wanted, head=head))
        return DeltaAnswer(rows=rows, cur=cur, more=more)

    if asked.wait and asked.since is not None and asked.session is None:
        await _wait(caller, services, asked.since, min(asked.wait, MOST_WAIT))
        if not await is_signed_in(caller, services):
            raise ApiError("auth_required", "This sign-in has ended meanwhile.")
    return await _answer(request, caller, services, await _read(caller, services, device, work))


async def _read(
    caller: Caller, services: Services, device: Device, work: Callable[[Connection, int], Awaitable[DeltaAnswer]]
) -> DeltaAnswer:
    """Without a lock, unless the newest state has no name yet."""
    user = caller.user_id

    async def quickly(db: Connection) -> DeltaAnswer | None:
        head = await reading.head(db, user, device.seen)
        if head.may_lag and not head.is_known:
            raise behind()  # what this copy does not know yet is no other history
        if head.name is None:
            return None
        if not head.is_known:
            return DeltaAnswer(resync=True, seen=head.name)
        answer = await work(db, head.seq)
        # a row that came along may be of a commit after the one that is named
        return None if any(row.seq > head.seq for row in answer.rows) else replace(answer, seen=head.name)

    async def in_turn(db: Connection) -> DeltaAnswer:
        seen = await reading.name_head(db)
        head = await reading.head(db, user, device.seen)
        return replace(await work(db, head.seq), seen=seen) if head.is_known else DeltaAnswer(resync=True, seen=seen)

    answer = await services.database.read(caller.identity, quickly)
    return answer if answer is not None else await services.database.write(caller.identity, in_turn)


async def _wait(caller: Caller, services: Services, since: int, seconds: float) -> None:
    """Until the head is beyond ``since``, or so long; not at all where it is elsewhere already."""
    with services.news.waiting(caller.user_id, since) as waiting:
        head = await services.database.read(caller.identity, lambda db: reading.head(db, caller.user_id))
        if head.seq == since:
            await waiting.news(seconds)


async def _answer(request: Request, caller: Caller, services: Services, told: DeltaAnswer) -> Response:
    content: dict[str, Any] = {"success": True, "conversations": [], "syncTime": instant(services.clock())}
    if request.method == "POST":
        content["results"] = {"synced": 0, "errors": 0, "details": []}

    def written_out() -> bytes:
        content["sync"] = replace(told, user=str(caller.user_id)).encode()
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    many = len(told.rows) + len(told.acks) > MANY
    return await compressed(request, await asyncio.to_thread(written_out) if many else written_out())
