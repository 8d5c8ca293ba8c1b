"""Messages of one conversation: read and add them.

See docs/specification/endpoints.md#messages-read and
docs/specification/endpoints.md#messages-add.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query, Response
from fastapi.encoders import jsonable_encoder
from psycopg.errors import DataError, IntegrityError
from pydantic import BaseModel, ConfigDict, Field

from sterna.sync.wire import ID_LENGTH, BadItem, Conversation, Message, parse_time

from ..database.conversation_rows import LIVE, MERGE, SESSION, message_json, messages_json, session_values
from ..database.pool import Connection
from ..database.row_sizes import message_bytes
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..http.request_schemas import body_schema, needs_one
from ..long_work import all_rows, array, batches, check_size, encode, in_thread_if_many
from ..openapi import REQUIRED, refusals
from .json_route import JsonRoute
from .session_row import NEW_CHAT, already_deleted, not_found, query_time, required_id
from .sync_models import AddedMessages, PushedMessage, ShownMessages

router = APIRouter(
    prefix="/api/chat/messages", tags=["conversations"], dependencies=[limited("C")], route_class=JsonRoute
)

TITLE_UNITS = 50
"""UTF-16 code units of a title made from the first message."""
READ: Final = """
select * from chat_messages
where user_id = %(user)s and session_id = %(id)s and role <> 'system'
    and (%(since)s::timestamptz is null or message_timestamp > %(since)s::timestamptz)
order by message_timestamp, id
"""
SIZE: Final = f"""
select coalesce(sum({message_bytes("m")}), 0)::bigint as size
from chat_messages as m
where user_id = %(user)s and session_id = %(id)s
    and (%(since)s::timestamptz is null or message_timestamp > %(since)s::timestamptz)
"""
ROWS: Final = "select * from chat_messages where user_id = %(user)s and session_id = %(id)s and id = any(%(ids)s)"


class NewMessages(BaseModel):
    """Messages for a conversation, which is created if needed; ``messages`` takes precedence over ``message``."""

    model_config = ConfigDict(json_schema_extra=needs_one(message={"type": "object"}, messages={"type": "array"}))

    sessionId: str = Field(min_length=1, max_length=ID_LENGTH)  # noqa: N815
    message: PushedMessage | None = None
    messages: list[PushedMessage] | None = None
    sessionTitle: str | None = Field(None, max_length=255)  # noqa: N815
    attachmentIds: list[str] | None = Field(  # noqa: N815
        None, description="Attachments of the first user message without any."
    )


@router.get("", response_model=ShownMessages, response_model_exclude_unset=True, responses=refusals(404))
async def read_messages(
    caller: User,
    services: ServicesDep,
    session_id: Annotated[str, Query(json_schema_extra=REQUIRED)] = "",
    since_ts: Annotated[str, Query(description="Only later messages.", json_schema_extra={"format": "date-time"})] = "",
) -> Response:
    """Return the messages of a conversation in order, without system messages."""
    try:
        since = parse_time(query_time(since_ts) if since_ts else None)
    except BadItem:
        raise ApiError("bad_request", "Invalid since_ts", details="bad_timestamp") from None
    values = {"user": caller.user_id, "id": required_id(session_id), "since": since}

    async def work(db: Connection) -> list[str]:
        if await (await db.execute(LIVE, values)).fetchone() is None:
            raise not_found()
        size = await (await db.execute(SIZE, values)).fetchone()
        check_size(size["size"] if size else 0)
        return [encode(_read_message(row)) async for rows in batches(await db.execute(READ, values)) for row in rows]

    messages = await services.database.read(caller.identity, work)
    rest = {"count": len(messages)} | ({"up_to_date": not messages} if since_ts else {})
    return Response(f'{{"messages":[{",".join(messages)}],{encode(rest)[1:]}'.encode(), media_type="application/json")


def _read_message(row: dict[str, Any]) -> dict[str, Any]:
    message = message_json(row) | {"was_streaming": bool(row["is_streaming"])}
    if row["output_image_tokens"]:
        message["output_image_tokens"] = row["output_image_tokens"]
    if row["error_message"]:
        message["error_message"] = row["error_message"]
    metadata = row["metadata"] if isinstance(row["metadata"], dict) else {}
    requested = ("requested_web_search", "requested_web_max_results", "requested_reasoning_effort")
    return message | {name: metadata[name] for name in requested if name in metadata}


@router.post("", status_code=201, response_model=AddedMessages, responses=refusals(409))
async def add_messages(
    caller: User, services: ServicesDep, body: Annotated[Any, Body(json_schema_extra=body_schema(NewMessages))]
) -> Response:
    """Store messages, all or none, in a conversation that is created if needed."""
    try:
        given = body.get("messages") if isinstance(body, dict) else None
        item, title = await in_thread_if_many(len(given) if isinstance(given, list) else 0, _conversation, body)
    except BadItem as error:
        raise ApiError("bad_request", "The messages cannot be stored.", details=error.word) from None
    values = session_values(item, caller.user_id) | {"message_count": None, "total_tokens": None}
    keys = {"user": caller.user_id, "id": item.id, "ids": [message.id for message in item.messages]}
    rows = keys | {"rows": await in_thread_if_many(len(item.messages), messages_json, item.messages)}

    async def work(db: Connection) -> list[dict[str, Any]]:
        live = await (await db.execute(LIVE, values)).fetchone()
        await db.execute(SESSION, values | ({"title": title} if live is None and item.title is None else {}))
        if live is None and await (await db.execute(LIVE, values)).fetchone() is None:
            raise already_deleted()
        if item.messages:
            await db.execute(MERGE, rows)
        return await all_rows(await db.execute(ROWS, keys))

    try:
        stored = {row["id"]: row for row in await services.database.write(caller.identity, work)}
    except (DataError, IntegrityError):
        raise ApiError("bad_request", "The messages cannot be stored.", details="not_storable") from None
    messages = [stored[message.id] for message in item.messages if message.id in stored]
    encoded = await in_thread_if_many(len(messages), lambda: array(map(jsonable_encoder, messages)))
    rest = encode({"count": len(messages), "success": True})
    return Response(f'{{"messages":{encoded},{rest[1:]}'.encode(), 201, media_type="application/json")


def _conversation(body: Any) -> tuple[Conversation, str]:
    """Return the conversation to store, and its title if it is new."""
    if not isinstance(body, dict):
        raise BadItem("not_an_object")
    items = body.get("messages")
    if items is None:
        if body.get("message") is None:
            raise ApiError("bad_request", "Either message or messages array is required")
        items = [body["message"]]
    if not isinstance(items, list):
        raise BadItem("bad_messages")
    if not isinstance(title := body.get("sessionTitle"), str | None):
        raise BadItem("bad_title")
    ids = body.get("attachmentIds")
    if ids is not None and not (isinstance(ids, list) and all(isinstance(value, str) for value in ids)):
        raise BadItem("bad_attachments")
    items = _with_attachments(items, ids)
    item = Conversation.decode(
        {
            "id": body.get("sessionId"),
            "title": title or None,
            "messages": [_with_upstream_errors(message) for message in items],
        }
    )
    return item, _title(item.messages)


def _with_attachments(items: list[Any], ids: Any) -> list[Any]:
    """Return the messages with ``ids`` on the first user message, unless it has attachments of its own."""
    for at, item in enumerate(items):
        if ids and isinstance(item, dict) and item.get("role") == "user":
            return [*items[:at], {"attachment_ids": ids} | item, *items[at + 1 :]]
    return items


def _with_upstream_errors(item: Any) -> Any:
    """Return a message with its plain error keys copied to upstream's keys, unless those are set."""
    if not isinstance(item, dict):
        return item
    message = dict(item)
    for name in ("error_code", "error_message"):
        if message.get(f"upstream_{name}") is None and message.get(name) is not None:
            message[f"upstream_{name}"] = message[name]
    return message


def _title(messages: Any) -> str:
    first: Message | None = next((message for message in messages if message.role == "user"), None)
    if first is None or not first.content:
        return NEW_CHAT
    units = first.content.encode("utf-16-le")
    # an emoji that would be split is left out
    cut = units[: 2 * TITLE_UNITS].decode("utf-16-le", "ignore")
    return cut + "..." if len(units) > 2 * TITLE_UNITS else cut
