"""Conversion between conversations on the wire and rows of the tables.

One statement stores any number of messages, because the cost is per statement. Unchanged rows are not written: each
would take a number in the account's history and look like a change to other devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from sterna.sync.wire import ATTACHMENTS, Conversation, Message, attachment_ids

from ..errors import instant
from ..long_work import array
from .message_order import in_array_order

SESSION: Final = """
insert into chat_sessions as s (
    user_id,
    id,
    title,
    created_at,
    updated_at,
    message_count,
    total_tokens,
    last_model,
    last_message_preview,
    last_message_timestamp
)
select
    %(user)s,
    %(id)s::text,
    coalesce(%(title)s::text, 'New Chat'),
    least(coalesce(%(created_at)s::timestamptz, now()), now()),
    coalesce(%(updated_at)s::timestamptz, now()),
    coalesce(%(message_count)s::integer, 0),
    coalesce(%(total_tokens)s::bigint, 0),
    %(last_model)s::text,
    %(last_message_preview)s::text,
    %(last_message_timestamp)s::timestamptz
where (
    select d.deleted_at from sync_rows as d where d.user_id = %(user)s and d.kind = 'c' and d.id = %(id)s::text
) is null
on conflict (user_id, id) do update set
    title = coalesce(%(title)s::text, s.title),
    created_at = least(%(created_at)s::timestamptz, s.created_at),
    message_count = coalesce(%(message_count)s::integer, s.message_count),
    total_tokens = coalesce(%(total_tokens)s::bigint, s.total_tokens),
    last_model = case when %(has_model)s then %(last_model)s::text else s.last_model end,
    last_message_preview = case
        when %(has_preview)s then %(last_message_preview)s::text else s.last_message_preview
    end,
    last_message_timestamp = case
        when %(has_timestamp)s then %(last_message_timestamp)s::timestamptz else s.last_message_timestamp
    end
where (
    s.title, s.created_at, s.message_count, s.total_tokens, s.last_model, s.last_message_preview,
    s.last_message_timestamp
) is distinct from (
    coalesce(%(title)s::text, s.title),
    least(%(created_at)s::timestamptz, s.created_at),
    coalesce(%(message_count)s::integer, s.message_count),
    coalesce(%(total_tokens)s::bigint, s.total_tokens),
    case when %(has_model)s then %(last_model)s::text else s.last_model end,
    case when %(has_preview)s then %(last_message_preview)s::text else s.last_message_preview end,
    case when %(has_timestamp)s then %(last_message_timestamp)s::timestamptz else s.last_message_timestamp end
)
"""
"""Counters are null where messages follow, because triggers count those. See docs/specification/vectors.md#vector-6."""

LIVE: Final = "select title from chat_sessions where user_id = %(user)s and id = %(id)s"

COLUMNS: Final = {
    "session_id": "",
    "role": "m.role",
    "content": "m.content",
    "model": "m.model",
    "total_tokens": "coalesce(m.total_tokens, 0)",
    "input_tokens": "coalesce(m.input_tokens, 0)",
    "output_tokens": "coalesce(m.output_tokens, 0)",
    "user_message_id": "m.user_message_id",
    "content_type": "coalesce(m.content_type, 'text')",
    "elapsed_ms": "coalesce(m.elapsed_ms, 0)",
    "elapsed_time": "coalesce((m.elapsed_ms::bigint + 500) / 1000, 0)",
    "completion_id": "m.completion_id",
    "message_timestamp": "",
    "error_message": "m.error_message",
    "is_streaming": "coalesce(m.was_streaming, false)",
    "metadata": "coalesce(m.metadata, '{}')",
    "reasoning": "m.reasoning",
    "reasoning_details": "m.reasoning_details",
    "has_attachments": "coalesce(m.has_attachments, false)",
    "attachment_count": "coalesce(m.attachment_count, 0)",
    "has_websearch": "coalesce(m.has_websearch, false)",
    "websearch_result_count": "coalesce(m.websearch_result_count, 0)",
    "output_image_tokens": "coalesce(m.output_image_tokens, 0)",
    "annotations": "m.annotations",
    "parent_id": "m.parent_id",
}
REPLACED: Final = {name: f"excluded.{name}" for name in COLUMNS} | {
    "parent_id": "coalesce(excluded.parent_id, c.parent_id)",  # a client that knows no parents takes none away
}
"""Values of a message that is sent again."""
_VALUES = COLUMNS | {
    "session_id": "%(id)s::text",
    # a message without a time keeps its stored time, or each push of it would be a change
    "message_timestamp": "coalesce(m.timestamp, (select k.message_timestamp from chat_messages as k"
    " where k.user_id = %(user)s and k.id = m.id), m.assumed, now() + m.position * interval '1 microsecond')",
}
_MERGED = {
    "metadata": "coalesce(c.metadata, '{}') - '{upstream_error_code, upstream_error_message, upstream_retry_after,"
    " upstream_suggestions}'::text[] || excluded.metadata"
}
"""Upstream errors of an earlier attempt are removed unless they are sent again."""


def _upsert(values: Mapping[str, str]) -> str:
    return f"""
insert into chat_messages as c (user_id, id, {", ".join(COLUMNS)})
select %(user)s, m.id, {", ".join(_VALUES.values())}
from json_to_recordset(%(rows)s::json) as m (
    id text, role text, content text, model text, total_tokens integer, input_tokens integer, output_tokens integer,
    user_message_id text, content_type text, elapsed_ms integer, completion_id text, timestamp timestamptz,
    error_message text, was_streaming boolean, metadata jsonb, reasoning text, reasoning_details jsonb,
    has_attachments boolean, attachment_count integer, has_websearch boolean, websearch_result_count integer,
    output_image_tokens integer, annotations jsonb, parent_id text, assumed timestamptz, position integer
)
where exists (select 1 from chat_sessions as s where s.user_id = %(user)s and s.id = %(id)s::text)
    and (
        select d.deleted_at from sync_rows as d where d.user_id = %(user)s and d.kind = 'm' and d.id = m.id
    ) is null
on conflict (user_id, id) do update set {", ".join(f"{name} = {value}" for name, value in values.items())}
where ({", ".join(f"c.{name}" for name in values)}) is distinct from ({", ".join(values.values())})
"""


_SENT_VALUES = REPLACED | {
    # stored microseconds keep messages of one millisecond in order, so they are not overwritten by the same millisecond
    "message_timestamp": "case when date_trunc('milliseconds', c.message_timestamp)"
    " = date_trunc('milliseconds', excluded.message_timestamp)"
    " and (c.message_timestamp <> date_trunc('milliseconds', c.message_timestamp)"
    " or excluded.message_timestamp = date_trunc('milliseconds', excluded.message_timestamp))"
    " then c.message_timestamp else excluded.message_timestamp end",
}
REPLACE: Final = _upsert(_SENT_VALUES)
"""Upsert that replaces every column by the value on the wire, as upstream's clients expect.

See docs/specification/endpoints.md#message-object.
"""
MERGE: Final = _upsert(_SENT_VALUES | _MERGED)
"""Upsert that merges metadata and replaces the other columns: docs/specification/decisions.md#added-messages."""

_PLAIN = tuple(name for name in Message.__slots__ if name not in ("id", "role", "content", "timestamp", "extra"))


def messages_json(messages: Iterable[Message]) -> str:
    """Return the parameter ``rows`` without default values; times follow the order of the array."""
    ordered = list(messages)
    times = in_array_order([message.timestamp for message in ordered])
    rows = []
    for position, (message, at) in enumerate(zip(ordered, times, strict=True)):
        row: dict[str, Any] = {"id": message.id, "role": message.role, "content": message.content}
        if at is None:
            row["position"] = position
        else:
            row["timestamp" if message.timestamp is not None else "assumed"] = at.isoformat()
        for name in _PLAIN:
            if value := getattr(message, name):
                row[name] = value
        if message.parent_id is not None:
            row["parent_id"] = message.parent_id
        rows.append(row)
    return array(rows)


def session_values(item: Conversation, user_id: UUID) -> dict[str, Any]:
    """Return the parameters of SESSION."""
    is_empty = not item.messages
    given = item.given if is_empty else frozenset()
    return {
        "user": user_id,
        "id": item.id,
        "title": item.title,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "message_count": item.message_count if is_empty else None,
        "total_tokens": item.total_tokens if is_empty else None,
        "last_model": item.last_model if is_empty else None,
        "last_message_preview": item.last_message_preview if is_empty else None,
        "last_message_timestamp": item.last_message_timestamp if is_empty else None,
        "has_model": "last_model" in given,
        "has_preview": "last_message_preview" in given,
        "has_timestamp": "last_message_timestamp" in given,
    }


def _attachments(row: Mapping[str, Any]) -> list[str]:
    metadata = row["metadata"]
    return attachment_ids(metadata.get(ATTACHMENTS)) if row["has_attachments"] and isinstance(metadata, dict) else []


def message_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message row as GET shows it: both units of latency, absent keys where there is nothing.

    See docs/specification/endpoints.md#shown-message.
    """
    assistant = row["role"] == "assistant"
    failed = bool(row["error_message"])
    ms = row["elapsed_ms"] or 0
    details = row["reasoning_details"]
    message = {
        "id": row["id"],
        "role": row["role"],
        "content": row["content"],
        "total_tokens": row["total_tokens"],
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "contentType": row["content_type"] or "text",
        "elapsed_ms": ms,
        "elapsed_time": (ms + 500) // 1000,
        "has_websearch": row["has_websearch"],
        "websearch_result_count": row["websearch_result_count"],
        "annotations": row["annotations"] if isinstance(row["annotations"], list) else [],
        "has_attachments": row["has_attachments"],
        "attachment_ids": _attachments(row),
        "timestamp": instant(row["message_timestamp"]),
        "error": failed,
    }
    if row["model"] is not None:
        message["model" if assistant else "originalModel"] = row["model"]
    for name in ("user_message_id", "completion_id", "reasoning", "parent_id"):
        if row[name] is not None:
            message[name] = row[name]
    if details is not None:
        message["reasoning_details"] = details if isinstance(details, list) else [details]
    if failed and row["role"] == "user":
        message["retry_available"] = False
    return message
