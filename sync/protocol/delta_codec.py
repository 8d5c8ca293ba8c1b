"""Conversion between rows of the local history and objects of the wire format, without loss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sterna.storage import OpResult, PendingChange, RemoteRow, stamp, stored_time
from sterna.storage.json_text import from_json
from sterna.storage.sync.columns import EMPTY_MESSAGE

from ..wire import Ack, BadItem, Message, Op, Row, Stamp, message_columns, parse_time
from ..wire.values import LARGEST_INT, format_time

_COUNTS = (
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "elapsed_ms",
    "attachment_count",
    "websearch_result_count",
    "output_image_tokens",
)
_TEXTS = ("role", "content", "model", "user_message_id", "content_type", "completion_id", "reasoning", "parent_id")
_FLAGS = ("has_attachments", "has_websearch")
_JSON_COLUMNS = ("metadata", "reasoning_details", "annotations")
_SUMMARY = {
    "last_message_timestamp": "lastMessageTimestamp",
    "last_message_preview": "lastMessagePreview",
    "message_count": "messageCount",
    "total_tokens": "totalTokens",
    "last_model": "lastModel",
}


def encode_op(pending: PendingChange) -> Op:
    """Return a pending change as an op."""
    return Op(
        kind=pending.kind,
        id="" if pending.kind == "x" else pending.id,
        verb=pending.op,
        session_id="" if pending.kind == "x" else pending.session_id,
        base=pending.base,
        edited_at=max(0, pending.edited_at),
        after=pending.after,
        cls=pending.cls if pending.kind == "c" else 0,
        stamp=None if pending.stamp is None else Stamp(*pending.stamp),
        upto=pending.upto,
        value=None if pending.value is None else _encode_value(pending.kind, pending.id, pending.value),
    )


def decode_ack(item: tuple[str, str, int], ack: Ack) -> OpResult:
    """Return the result of the op for ``item``. Raises :class:`BadItem` for a row of something else."""
    kind, key, rev = item
    row = ack.row
    if row is not None and (row.kind, row.id) != (kind, key):
        raise BadItem("bad_ack")
    return OpResult(kind, key, rev, ack.result, None if row is None else decode_row(row), ack.code)


def decode_row(row: Row) -> RemoteRow:
    """Return a row of the server for the history. Raises :class:`BadItem` for a value that cannot be stored."""
    if row.kind == "x":
        raise BadItem("bad_row")
    value = None if row.value is None or row.is_deleted else _decode_value(row)
    return RemoteRow(
        kind=row.kind,
        id=row.id,
        session_id=row.session_id,
        seq=row.seq,
        created_seq=row.created_seq,
        is_deleted=row.is_deleted,
        cls=row.stamp.cls,
        time=row.stamp.time,
        tie=row.stamp.tie,
        value=value,
        overtook=row.overtook,
    )


def _encode_value(kind: str, key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "c":
        return {"title": value["title"], "createdAt": format_time(stored_time(value["created_at"]))}
    if kind == "s":
        return {"value": from_json(value["value"])}
    return encode_message(key, value)


def encode_message(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a message as JSON. Counters are limited to what servers can store."""
    columns: dict[str, Any] = {name: value[name] for name in _TEXTS}
    columns |= {name: min(value[name] or 0, LARGEST_INT) for name in _COUNTS}
    columns |= {name: bool(value[name]) for name in _FLAGS}
    message = Message(
        id=key,
        timestamp=stored_time(value["message_timestamp"]),
        error_message=value["error_message"] or None,
        was_streaming=bool(value["is_streaming"]),
        metadata=from_json(value["metadata"]) or {},
        reasoning_details=from_json(value["reasoning_details"]),
        annotations=from_json(value["annotations"]),
        **columns,
    ).encode()
    raw = from_json(value["raw_message"])
    return message if raw is None else message | {"raw_message": raw}


def _decode_value(row: Row) -> dict[str, Any]:
    value = row.value
    if not isinstance(value, Mapping):
        raise BadItem("bad_row")
    if row.kind == "c":
        return _conversation(row, value)
    if row.kind == "s":
        if value.get("value") is None:
            raise BadItem("bad_row")
        return {"value": _json(value["value"])}
    return _message(value)


def _message(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a message for the history; keys that are left out get their defaults."""
    columns = message_columns(value, is_clean=True)  # values of decoded rows are
    if "timestamp" not in columns:
        raise BadItem("bad_timestamp")
    columns["message_timestamp"] = columns.pop("timestamp")
    if "was_streaming" in columns:
        columns["is_streaming"] = columns.pop("was_streaming")
    for name in _JSON_COLUMNS:
        if name in columns:
            columns[name] = _json(columns[name])
    if (raw := value.get("raw_message")) is not None:
        columns["raw_message"] = _json(raw)
    return {**EMPTY_MESSAGE, **columns}


def _json(value: Any) -> str:
    """Return the text of a JSON column for a decoded value."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise BadItem("bad_json") from None


def _conversation(row: Row, value: Mapping[str, Any]) -> dict[str, Any]:
    title = value.get("title")
    if not isinstance(title, str) or len(title) > 255:
        raise BadItem("bad_title")
    created = parse_time(value.get("createdAt")) or datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=row.stamp.time
    )
    columns: dict[str, Any] = {"title": title, "created_at": stamp(created)}
    for name, key in _SUMMARY.items():
        if key in value:
            at = value[key]
            columns[name] = stamp(parse_time(at) or created) if name == "last_message_timestamp" and at else at
    return columns
