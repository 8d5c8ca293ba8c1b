"""The delta mode on the paths of sync: a push of ops, a pull from a number on, a stream of heads (sync.md 3.1-3.11)."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from psycopg.errors import DataError, IntegrityError

from sync.wire import Ack, BadItem, Client, Commit, DeltaAnswer, DeltaPush, Pull

from ..database import Connection
from ..errors import ApiError, instant
from ..identity import Caller
from ..services import Services
from ..sync import reading, writing

MOST_OPS: Final = 5_000
PAGE_BYTES: Final = 1024 * 1024
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_WAIT: Final = 55.0
MOST_NEWEST: Final = 500
HEARTBEAT: Final = 25.0
SMALL: Final = 1024
"""Bytes under which compressing costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Device:
    """What the headers say of who asks."""

    seen: Commit | None
    sent_at: int | None
    pull: Pull | None

    @classmethod
    def of(cls, request: Request) -> Device:
        """Read them. Raises ApiError 426 for a device that speaks no language of ours."""
        headers = request.headers
        try:
            client = Client.parse(headers.get("sync-client", "unknown/0; proto=1-1"))
            seen = Commit.parse(headers["sync-seen"]) if headers.get("sync-seen") else None
            pull = Pull.parse(headers["sync-pull"]) if headers.get("sync-pull") else None
            sent = headers.get("sync-sent-at", "")
        except BadItem as error:
            raise ApiError("bad_request", "A header of the sync is not understood.", details=error.word) from None
        if client.common() is None:
            raise ApiError(
                "update_required",
                "This server speaks another version of sync. Update the older of the two.",
                extra={"supported": "1-1"},
            )
        return cls(seen, int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 16 else None, pull)


def is_delta(body: Any) -> bool:
    """Whether a push says ops, beyond upstream's words."""
    return isinstance(body, dict) and body.get("sync") is not None


async def push(request: Request, caller: Caller, parts: Services, body: dict[str, Any]) -> Response:
    """Do the ops of a push, once; rows that were asked for come along."""
    device = Device.of(request)
    try:
        asked = DeltaPush.decode(body["sync"])
    except BadItem as error:
        raise ApiError("bad_request", "The sync object is not understood.", details=error.word) from None
    if len(asked.ops) > MOST_OPS:
        raise ApiError("payload_too_large", "Too many things at once.", details=f"At most {MOST_OPS} ops.")
    body_hash = hashlib.sha256(await request.body()).hexdigest()
    now = int(parts.clock().timestamp() * 1000)
    user = caller.user_id

    async def work(db: Connection) -> DeltaAnswer:
        if not await reading.knows(db, user, device.seen):
            return DeltaAnswer(push_seq=asked.push_seq, resync=True, seen=await reading.name_head(db))
        acks = await writing.push(db, user, asked, body_hash, now=now, sent_at=device.sent_at)
        told = DeltaAnswer(push_seq=asked.push_seq, acks=acks)
        if device.pull is not None:
            newest, _ = await reading.head(db, user)
            most = min(device.pull.max, MOST_BYTES)
            but = [ack.row.seq for ack in acks if ack.row is not None]
            rows, cur, more = await reading.page(db, user, device.pull.cur, most, newest, but=but)
            told = replace(told, rows=rows, cur=cur, more=more)
        return replace(told, seen=await reading.name_head(db))

    try:
        told = await parts.database.write(caller.identity, work)
    except writing.Forked:
        raise ApiError(
            "replica_forked", "Another copy of this device's history has pushed under its name.", details=asked.replica
        ) from None
    except (DataError, IntegrityError):
        told = await _one_by_one(caller, parts, asked, body_hash, now, device)
    if told.seen is not None:
        parts.news.tell(user, told.seen.seq)
    return _answer(request, parts, told)


async def _one_by_one(
    caller: Caller, parts: Services, asked: DeltaPush, body_hash: str, now: int, device: Device
) -> DeltaAnswer:
    """The same where the database refuses something that the rules took: whatever it is, the others are done."""
    user = caller.user_id

    async def work(db: Connection) -> DeltaAnswer:
        acks: list[Ack] = []
        for op in asked.ops:
            await db.execute("savepoint one")
            try:
                acks += await writing.done(db, user, [op], now=now, sent_at=device.sent_at, replica=asked.replica)
                await db.execute("release savepoint one")
            except (DataError, IntegrityError):
                await db.execute("rollback to savepoint one")
                acks.append(Ack("rejected", code="not_storable"))
        await writing.answered(db, asked, body_hash, acks)
        return DeltaAnswer(push_seq=asked.push_seq, acks=acks, seen=await reading.name_head(db))

    return await parts.database.write(caller.identity, work)


async def pull(request: Request, caller: Caller, parts: Services) -> Response:
    """What is new since a number; the newest conversations; or all of one."""
    device = Device.of(request)
    query = request.query_params
    user = caller.user_id
    since = _number(query.get("since"), 2**53)
    most = _number(query.get("max_bytes"), MOST_BYTES) or PAGE_BYTES
    if (count := _number(query.get("newest"), MOST_NEWEST)) is not None:

        async def work(db: Connection, newest: int) -> DeltaAnswer:
            return DeltaAnswer(rows=await reading.newest(db, user, count))

    else:
        session_id = query.get("session")

        async def work(db: Connection, newest: int) -> DeltaAnswer:
            rows, cur, more = await reading.page(db, user, since or 0, most, newest, session_id)
            if session_id is not None and more:
                more = (await reading.page(db, user, cur, 1, newest, session_id))[0] != []
            return DeltaAnswer(rows=rows, cur=cur, more=more)

    wait = min(_seconds(query.get("wait")), MOST_WAIT)
    if wait > 0 and since is not None:
        await _wait(request, caller, parts, since, wait)
    return _answer(request, parts, await _read(caller, parts, device, work))


Work = Callable[[Connection, int], Awaitable[DeltaAnswer]]


async def _read(caller: Caller, parts: Services, device: Device, work: Work) -> DeltaAnswer:
    """Without a lock, unless the newest state has no name yet."""
    user = caller.user_id

    async def told(db: Connection, seen: Commit | None, newest: int) -> DeltaAnswer:
        if not await reading.knows(db, user, device.seen):
            return DeltaAnswer(resync=True, seen=seen)
        return replace(await work(db, newest), seen=seen)

    async def quickly(db: Connection) -> DeltaAnswer | None:
        newest, seen = await reading.head(db, user)
        if seen is None:
            return None
        answer = await told(db, seen, newest)
        # a row that came along may be of a commit after the one that is named
        return None if any(row.seq > newest for row in answer.rows) else answer

    async def in_turn(db: Connection) -> DeltaAnswer:
        seen = await reading.name_head(db)
        return await told(db, seen, seen.seq if seen is not None else 0)

    answer = await parts.database.read(caller.identity, quickly)
    return answer if answer is not None else await parts.database.write(caller.identity, in_turn)


async def _wait(request: Request, caller: Caller, parts: Services, since: int, seconds: float) -> None:
    """Until the head is beyond ``since``, or so long."""
    with parts.news.waiting(caller.user_id, since) as waiting:
        newest, _ = await parts.database.read(caller.identity, lambda db: reading.head(db, caller.user_id))
        if newest > since:
            return
        news = asyncio.create_task(waiting.news(seconds))
        closing = asyncio.create_task(parts.news.closing.wait())
        try:
            await asyncio.wait((news, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (news, closing):
                task.cancel()
            await asyncio.gather(news, closing, return_exceptions=True)


async def heads(request: Request, caller: Caller, parts: Services) -> Response:
    """Server-sent events: the number of the newest change, whenever it moves."""
    Device.of(request)
    newest, _ = await parts.database.read(caller.identity, lambda db: reading.head(db, caller.user_id))
    headers = {"x-accel-buffering": "no", "content-encoding": "identity"}
    return StreamingResponse(_events(caller, parts, newest), media_type="text/event-stream", headers=headers)


async def _events(caller: Caller, parts: Services, newest: int) -> AsyncIterator[bytes]:
    closing = asyncio.create_task(parts.news.closing.wait())
    try:
        with parts.news.waiting(caller.user_id, newest) as waiting:
            yield _event(newest)
            while not closing.done():
                news = asyncio.create_task(waiting.news(HEARTBEAT))
                await asyncio.wait((news, closing), return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    return
                yield _event(waiting.seq) if news.result() else b": still here\n\n"
    finally:
        closing.cancel()


def _event(seq: int) -> bytes:
    return b'event: head\ndata: {"seq": %d}\n\n' % seq


def _answer(request: Request, parts: Services, told: DeltaAnswer) -> Response:
    """The JSON, compressed where the device can and it pays."""
    content = {
        "success": True,
        "results": {"synced": 0, "errors": 0, "details": []},
        "conversations": [],
        "syncTime": instant(parts.clock()),
        "sync": told.encode(),
    }
    answer = JSONResponse(content)
    accepted = request.headers.get("accept-encoding", "")
    if len(answer.body) >= SMALL and "gzip" in accepted:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed = packer.compress(answer.body) + packer.flush()
        return Response(packed, headers={"content-type": "application/json", "content-encoding": "gzip"})
    return answer


def _number(told: str | None, most: int) -> int | None:
    if told is None:
        return None
    if not told.isascii() or not told.isdigit() or len(told) > 16:
        raise ApiError("bad_request", "The query is not understood.", details="a number is expected")
    return min(int(told), most)


def _seconds(told: str | None) -> float:
    try:
        return max(0.0, float(told or 0))
    except ValueError:
        raise ApiError("bad_request", "The query is not understood.", details="wait is no number") from None
