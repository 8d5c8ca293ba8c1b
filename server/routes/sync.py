"""Many conversations at once, in upstream's protocol: push them, and list them page by page.

See docs/specification/endpoints.md#sync-push and docs/specification/endpoints.md#sync-list.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse
from psycopg.errors import DataError, IntegrityError
from pydantic import BaseModel, Field

from sterna.sync.wire import PAGE, BadItem, Conversation, Cursor, Detail, pushed

from ..database.conversation_rows import LIVE, REPLACE, SESSION, message_json, messages_json, session_values
from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError, instant
from ..http.request_schemas import body_schema
from ..identity import Caller
from ..long_work import array, batches, check_size, encode, in_thread_if_many
from ..openapi import refusals
from ..services import Services
from ..sync.client_headers import Asked, Headers
from . import sync_delta
from .json_route import JsonRoute
from .session_row import query_time
from .sync_delta_models import LARGEST, DeltaBody, DeltaPage
from .sync_models import Pushed, PushedConversation, SyncPage

router = APIRouter(
    prefix="/api/chat/sync", tags=["sync"], dependencies=[limited("C", devices=True)], route_class=JsonRoute
)


MOST_ITEMS: Final = 5_000
"""Conversations of one push."""
MOST_NAMED: Final = 20
"""Conversations that a refusal names."""

PAGE_OF: Final = """
select
    id,
    title,
    created_at,
    updated_at,
    message_count,
    total_tokens,
    last_model,
    last_message_preview,
    last_message_timestamp,
    coalesce(last_message_timestamp, updated_at) as place
from chat_sessions
where
    user_id = %(user)s
    and (
        %(ts)s::timestamptz is null
        or (coalesce(last_message_timestamp, updated_at), id) < (%(ts)s::timestamptz, %(id)s::text collate "C")
    )
order by coalesce(last_message_timestamp, updated_at) desc, id desc
limit %(limit)s
"""
TOTAL: Final = "select count(*) as total from chat_sessions where user_id = %(user)s"
MESSAGES: Final = """
select * from chat_messages
where user_id = %(user)s and session_id = any(%(ids)s) and role <> 'system'
order by session_id, message_timestamp, id
"""


SIZE: Final = """
select coalesce(sum(octet_length(content) + coalesce(octet_length(reasoning), 0)), 0)::bigint as size
from chat_messages
where user_id = %(user)s and session_id = any(%(ids)s)
"""


class Push(BaseModel):
    """Conversations to store. Each is judged by itself: one that cannot be taken does not stop the others."""

    conversations: Annotated[list[PushedConversation], Field(description="In the order they are stored.")]
    sync: Annotated[DeltaBody | None, Field(description="The ops of a device; conversations is empty then.")] = None


@router.post(
    "",
    response_model=Pushed,
    responses=refusals(403, 409, 426),
    openapi_extra={"requestBody": {"required": True}},
)
async def push(
    request: Request,
    caller: User,
    services: ServicesDep,
    asked: Asked,
    body: Annotated[Any, Body(json_schema_extra=body_schema(Push))],
) -> Response:
    """Store conversations and the messages that came with them. Messages that are not sent stay as they are.

    With ``sync``, a device's ops are done instead, once, and ``conversations`` is empty.
    """
    if sync_delta.is_delta(body):
        return await sync_delta.push(request, caller, services, asked.device(), body)
    await _as_anybody(request, caller, services, asked)
    items = body.get("conversations") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise ApiError("bad_request", "Invalid conversations data", details="conversations has to be an array")
    if len(items) > MOST_ITEMS:
        raise ApiError(
            "payload_too_large", "Too many conversations at once.", details=f"At most {MOST_ITEMS} are taken."
        )
    foreign = [str(one.get("id")) for one in items if isinstance(one, dict) and not _own(one, caller)]
    if foreign:
        raise ApiError(
            "insufficient_permissions",
            "Unauthorized conversation access",
            details=f"Invalid conversations: {', '.join(foreign[:MOST_NAMED])}",
            suggestions=["Ensure all conversations belong to the authenticated user"],
        )
    details = [await _stored(item, caller, services) for item in items]
    return JSONResponse(pushed(details, services.clock()))


async def _as_anybody(request: Request, caller: Caller, services: Services, asked: Headers) -> None:
    """Count a request in upstream's form as what it is, whatever it calls itself."""
    if asked.client:
        await services.limits.count(request, caller, "C")


def _own(item: dict[str, Any], caller: Caller) -> bool:
    owner = item.get("userId")
    return owner is None or (isinstance(owner, str) and owner.lower() == str(caller.user_id))


async def _stored(item: Any, caller: Caller, services: Services) -> Detail:
    named = item.get("id") if isinstance(item, dict) else None
    session_id = named if isinstance(named, str) else ""
    try:
        found = await in_thread_if_many(_length(item), Conversation.decode, item)
        await store(found, caller, services)
    except BadItem as error:
        await asyncio.sleep(0)  # nothing else was awaited, and there may be a million of them
        return Detail(session_id, error=error.word)
    except (DataError, IntegrityError):
        return Detail(session_id, error="not_storable")
    return Detail(found.id, found.sent)


def _length(item: Any) -> int:
    messages = item.get("messages") if isinstance(item, dict) else None
    return len(messages) if isinstance(messages, list) else 0


async def store(item: Conversation, caller: Caller, services: Services) -> None:
    """One conversation in one transaction. Raises BadItem when it was deleted."""
    values = session_values(item, caller.user_id)
    messages = await in_thread_if_many(len(item.messages), messages_json, item.messages)
    rows = {"user": caller.user_id, "id": item.id, "rows": messages}

    async def work(db: Connection) -> None:
        # one after the other costs less than a pipeline of psycopg, unless the database is far away
        stored = (await db.execute(SESSION, values)).rowcount
        if item.messages:
            stored += (await db.execute(REPLACE, rows)).rowcount
        if not stored and await (await db.execute(LIVE, values)).fetchone() is None:
            raise BadItem("conversation_deleted")

    await services.database.write(caller.identity, work)


@router.get("", response_model=SyncPage | DeltaPage, responses=refusals(426))
async def listing(
    request: Request,
    caller: User,
    services: ServicesDep,
    asked: Asked,
    limit: Annotated[str, Query(description="1 to 20.")] = str(PAGE),
    cursor_ts: Annotated[str | None, Query(description="Of meta.nextCursor of the page before.")] = None,
    cursor_id: Annotated[str, Query(description="Likewise.")] = "",
    direction: str = "before",
    summary_only: Annotated[str, Query(description="Messages come only with the word false.")] = "true",
    with_total: Annotated[Literal["true", "false"] | str, Query()] = "false",
    since: Annotated[int | None, Query(ge=0, le=LARGEST, description="Delta mode: what is new after that.")] = None,
    max_bytes: Annotated[int | None, Query(ge=1, le=LARGEST, description="Of its rows, roughly.")] = None,
    wait: Annotated[float | None, Query(ge=0, description="Seconds, 55 at most, until something is new.")] = None,
    newest: Annotated[int | None, Query(ge=0, le=LARGEST, description="Delta mode: so many conversations.")] = None,
    session: Annotated[str | None, Query(max_length=255, description="Delta mode: what lives in one.")] = None,
    dead: Annotated[int | None, Query(ge=0, le=1, description="0 with since=0: without what is dead.")] = None,
) -> Response:
    """The caller's conversations, newest first, a page at a time; without a message, by when they changed.

    With ``since``, ``newest`` or ``session``, a device is told of rows of the history instead.
    """
    question = sync_delta.Question(since, max_bytes, wait, newest, session, dead)
    if question.is_delta:
        return await sync_delta.pull(request, caller, services, asked.device(), question)
    await _as_anybody(request, caller, services, asked)
    size = max(1, min(PAGE, int(limit))) if limit.isascii() and limit.isdigit() and len(limit) < 10 else PAGE
    cursor = None
    if cursor_ts and direction == "before":
        try:
            cursor = Cursor.decode({"ts": query_time(cursor_ts), "id": cursor_id})
        except BadItem:
            raise ApiError("bad_request", "Invalid cursor", details="cursor_ts is no time") from None
    values = {
        "user": caller.user_id,
        "ts": cursor.ts if cursor else None,
        "id": cursor.id if cursor else "",
        "limit": size + 1,
    }

    async def work(db: Connection) -> dict[str, Any]:
        rows = await (await db.execute(PAGE_OF, values)).fetchall()
        page, more = rows[:size], len(rows) > size
        messages: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in page}
        if summary_only == "false":
            named = {"user": caller.user_id, "ids": list(messages)}
            text = await (await db.execute(SIZE, named)).fetchone()
            check_size(text["size"] if text else 0)
            async for batch in batches(await db.execute(MESSAGES, named)):
                for row in batch:
                    messages[row["session_id"]].append(full(row))
        meta: dict[str, Any] = {"pageSize": size, "hasMore": more, "nextCursor": None}
        if more:
            meta["nextCursor"] = Cursor(page[-1]["place"], page[-1]["id"]).encode()
        if with_total == "true":
            total = await (await db.execute(TOTAL, values)).fetchone()
            meta["totalCount"] = total["total"] if total else 0
        told = [summary(row, caller) | {"messages": messages[row["id"]]} for row in page]
        return {"conversations": told, "meta": meta, "syncTime": instant(services.clock())}

    told = await services.database.read(caller.identity, work)
    count = sum(len(one["messages"]) for one in told["conversations"])
    return Response(await in_thread_if_many(count, _written, told), media_type="application/json")


def _written(told: dict[str, Any]) -> bytes:
    """Return the JSON of a page, message by message."""
    pieces = []
    for one in told["conversations"]:
        head = encode(one | {"messages": None})
        pieces.append(head.replace('"messages":null', f'"messages":{array(one["messages"])}', 1))
    rest = encode({name: value for name, value in told.items() if name != "conversations"})
    return f'{{"conversations":[{",".join(pieces)}],{rest[1:]}'.encode()


def full(row: dict[str, Any]) -> dict[str, Any]:
    """A message as a listing shows it: the model under one name for both roles."""
    told = message_json(row)
    if "originalModel" in told:
        told["model"] = told.pop("originalModel")
    return told


def summary(row: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A conversation without its messages."""
    return {
        "id": row["id"],
        "title": row["title"],
        "userId": str(caller.user_id),
        "messages": [],
        "createdAt": row["created_at"].isoformat(),
        "updatedAt": row["updated_at"].isoformat(),
        "messageCount": row["message_count"],
        "totalTokens": row["total_tokens"],
        "lastModel": row["last_model"],
        "lastMessagePreview": row["last_message_preview"],
        "lastMessageTimestamp": _iso(row["last_message_timestamp"]),
        "isActive": False,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
