"""Bulk push and paged listing of conversations, in upstream's protocol and in delta mode.

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

from sterna.sync.wire import PAGE, BadItem, Conversation, Cursor, Detail, push_response

from ..database.conversation_rows import LIVE, REPLACE, SESSION, message_json, messages_json, session_values
from ..database.pool import Connection
from ..database.row_sizes import message_bytes
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError, instant
from ..http.request_schemas import body_schema
from ..identity import Caller
from ..long_work import array, batches, check_size, encode, in_thread_if_many
from ..openapi import refusals
from ..services import Services
from ..sync.client_headers import DeviceHeaders, DeviceHeadersDep
from . import sync_delta
from .json_route import JsonRoute
from .session_row import query_time
from .sync_delta_models import MAX_NUMBER, DeltaBody, DeltaPage
from .sync_models import Pushed, PushedConversation, SyncPage

router = APIRouter(
    prefix="/api/chat/sync", tags=["sync"], dependencies=[limited("C", devices=True)], route_class=JsonRoute
)


MAX_ITEMS: Final = 5_000
"""Conversations of one push."""
MAX_NAMED: Final = 20
"""Conversations that an error names."""

SELECT_PAGE: Final = """
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
    coalesce(last_message_timestamp, updated_at) as position
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


SIZE: Final = f"""
select coalesce(sum({message_bytes("m")}), 0)::bigint as size
from chat_messages as m
where user_id = %(user)s and session_id = any(%(ids)s)
"""


class Push(BaseModel):
    """Conversations to store. Each is validated by itself: an invalid one does not affect the others."""

    conversations: Annotated[list[PushedConversation], Field(description="Stored in this order.")]
    sync: Annotated[DeltaBody | None, Field(description="Ops of a device; conversations is empty then.")] = None


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
    headers: DeviceHeadersDep,
    body: Annotated[Any, Body(json_schema_extra=body_schema(Push))],
) -> Response:
    """Store conversations with their messages. Messages that are not sent stay as they are.

    With ``sync`` the ops of a device are applied instead, and ``conversations`` is empty.
    """
    if sync_delta.is_delta(body):
        return await sync_delta.push(request, caller, services, headers.device(), body)
    await _count_as_web_client(request, caller, services, headers)
    items = body.get("conversations") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise ApiError("bad_request", "Invalid conversations data", details="conversations must be an array")
    if len(items) > MAX_ITEMS:
        raise ApiError(
            "payload_too_large", "Too many conversations in one request.", details=f"The limit is {MAX_ITEMS}."
        )
    foreign = [str(item.get("id")) for item in items if isinstance(item, dict) and not _is_own(item, caller)]
    if foreign:
        raise ApiError(
            "insufficient_permissions",
            "Unauthorized conversation access",
            details=f"Invalid conversations: {', '.join(foreign[:MAX_NAMED])}",
            suggestions=["Ensure all conversations belong to the authenticated user"],
        )
    details = [await _store_item(item, caller, services) for item in items]
    return JSONResponse(push_response(details, services.clock()))


async def _count_as_web_client(request: Request, caller: Caller, services: Services, headers: DeviceHeaders) -> None:
    """Count a request in upstream's protocol by its own class, even if it names a device."""
    if headers.client:
        await services.limits.count(request, caller, "C")


def _is_own(item: dict[str, Any], caller: Caller) -> bool:
    owner = item.get("userId")
    return owner is None or (isinstance(owner, str) and owner.lower() == str(caller.user_id))


async def _store_item(item: Any, caller: Caller, services: Services) -> Detail:
    given_id = item.get("id") if isinstance(item, dict) else None
    session_id = given_id if isinstance(given_id, str) else ""
    try:
        conversation = await in_thread_if_many(_length(item), Conversation.decode, item)
        await store(conversation, caller, services)
    except BadItem as error:
        await asyncio.sleep(0)  # yields, because nothing else was awaited for many invalid items
        return Detail(session_id, error=error.word)
    except (DataError, IntegrityError):
        return Detail(session_id, error="not_storable")
    return Detail(conversation.id, conversation.sent)


def _length(item: Any) -> int:
    messages = item.get("messages") if isinstance(item, dict) else None
    return len(messages) if isinstance(messages, list) else 0


async def store(item: Conversation, caller: Caller, services: Services) -> None:
    """Store a conversation in one transaction. Raises BadItem if it was deleted."""
    values = session_values(item, caller.user_id)
    messages = await in_thread_if_many(len(item.messages), messages_json, item.messages)
    rows = {"user": caller.user_id, "id": item.id, "rows": messages}

    async def work(db: Connection) -> None:
        # sequential statements cost less than a pipeline of psycopg, unless the database is far away
        count = (await db.execute(SESSION, values)).rowcount
        if item.messages:
            count += (await db.execute(REPLACE, rows)).rowcount
        if not count and await (await db.execute(LIVE, values)).fetchone() is None:
            raise BadItem("conversation_deleted")

    await services.database.write(caller.identity, work)


@router.get("", response_model=SyncPage | DeltaPage, responses=refusals(426))
async def listing(
    request: Request,
    caller: User,
    services: ServicesDep,
    headers: DeviceHeadersDep,
    limit: Annotated[str, Query(description="1 to 20.")] = str(PAGE),
    cursor_ts: Annotated[str | None, Query(description="From meta.nextCursor of the previous page.")] = None,
    cursor_id: Annotated[str, Query(description="From meta.nextCursor of the previous page.")] = "",
    direction: str = "before",
    summary_only: Annotated[str, Query(description="false includes messages.")] = "true",
    with_total: Annotated[Literal["true", "false"] | str, Query()] = "false",
    since: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Delta mode: rows after this number.")] = None,
    max_bytes: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Approximate size of the rows.")] = None,
    wait: Annotated[float | None, Query(ge=0, description="Seconds to wait for a change, at most 55.")] = None,
    newest: Annotated[
        int | None, Query(ge=0, le=MAX_NUMBER, description="Delta mode: number of the newest conversations.")
    ] = None,
    session: Annotated[
        str | None, Query(max_length=255, description="Delta mode: live rows of one conversation.")
    ] = None,
    dead: Annotated[int | None, Query(ge=0, le=1, description="0 with since=0 omits tombstones.")] = None,
) -> Response:
    """List conversations in pages, newest first; conversations without messages by the time of their last change.

    With ``since``, ``newest`` or ``session`` the response has rows of the history instead.
    """
    query = sync_delta.PullQuery(since, max_bytes, wait, newest, session, dead)
    if query.is_delta:
        return await sync_delta.pull(request, caller, services, headers.device(), query)
    await _count_as_web_client(request, caller, services, headers)
    size = max(1, min(PAGE, int(limit))) if limit.isascii() and limit.isdigit() and len(limit) < 10 else PAGE
    cursor = None
    if cursor_ts and direction == "before":
        try:
            cursor = Cursor.decode({"ts": query_time(cursor_ts), "id": cursor_id})
        except BadItem:
            raise ApiError("bad_request", "Invalid cursor", details="cursor_ts is not a time") from None
    values = {
        "user": caller.user_id,
        "ts": cursor.ts if cursor else None,
        "id": cursor.id if cursor else "",
        "limit": size + 1,
    }

    async def work(db: Connection) -> dict[str, Any]:
        rows = await (await db.execute(SELECT_PAGE, values)).fetchall()
        page, more = rows[:size], len(rows) > size
        messages: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in page}
        if summary_only == "false":
            parameters = {"user": caller.user_id, "ids": list(messages)}
            text = await (await db.execute(SIZE, parameters)).fetchone()
            check_size(text["size"] if text else 0)
            async for batch in batches(await db.execute(MESSAGES, parameters)):
                for row in batch:
                    messages[row["session_id"]].append(listed_message(row))
        meta: dict[str, Any] = {"pageSize": size, "hasMore": more, "nextCursor": None}
        if more:
            meta["nextCursor"] = Cursor(page[-1]["position"], page[-1]["id"]).encode()
        if with_total == "true":
            total = await (await db.execute(TOTAL, values)).fetchone()
            meta["totalCount"] = total["total"] if total else 0
        conversations = [summary(row, caller) | {"messages": messages[row["id"]]} for row in page]
        return {"conversations": conversations, "meta": meta, "syncTime": instant(services.clock())}

    content = await services.database.read(caller.identity, work)
    count = sum(len(conversation["messages"]) for conversation in content["conversations"])
    return Response(await in_thread_if_many(count, _encode_page, content), media_type="application/json")


def _encode_page(content: dict[str, Any]) -> bytes:
    """Return the JSON of a page, encoded message by message."""
    conversations = []
    for conversation in content["conversations"]:
        summary = encode(conversation | {"messages": None})
        conversations.append(summary.replace('"messages":null', f'"messages":{array(conversation["messages"])}', 1))
    rest = encode({name: value for name, value in content.items() if name != "conversations"})
    return f'{{"conversations":[{",".join(conversations)}],{rest[1:]}'.encode()


def listed_message(row: dict[str, Any]) -> dict[str, Any]:
    """Return a message as in a listing, with the model under one name for both roles."""
    message = message_json(row)
    if "originalModel" in message:
        message["model"] = message.pop("originalModel")
    return message


def summary(row: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Return a conversation without its messages."""
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
