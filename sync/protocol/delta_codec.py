"""What the history keeps, in the language of the wire, and back: nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sterna.storage import Pending, RemoteRow, Told, stamp, stored_time
from sterna.storage.json_text import from_json
from sterna.storage.sync.columns import EMPTY_MESSAGE

from ..wire import Ack, BadItem, Message, Op, Row, Stamp, instant_of, message_columns
from ..wire.values import LARGEST_INT, written

_COUNTS = (
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "elapsed_ms",
    "attachment_count",
    "websearch_result_count",
    "output_image_tokens",
)
_TEXTS = ("role", "content", "model", "user_message_id", "content_type", "completion_id", "reasoning")
_FLAGS = ("has_attachments", "has_websearch")
_WRITTEN_OUT = ("metadata", "reasoning_details", "annotations")
_SUMMARY = {
    "last_message_timestamp": "lastMessageTimestamp",
    "last_message_preview": "lastMessagePreview",
    "message_count": "messageCount",
    "total_tokens": "totalTokens",
    "last_model": "lastModel",
}


def op_of(one: Pending) -> Op:
    """What is to be told, as an op."""
    return Op(
        kind=one.kind,
        id="" if one.kind == "x" else one.id,
        verb=one.op,
        session_id="" if one.kind == "x" else one.session_id,
        base=one.base,
        edited_at=max(0, one.edited_at),
        after=one.after,
        cls=one.cls if one.kind == "c" else 0,
        stamp=None if one.stamp is None else Stamp(*one.stamp),
        upto=one.upto,
        value=None if one.value is None else _sent(one.kind, one.id, one.value),
    )


def told_of(item: tuple[str, str, int], ack: Ack) -> Told:
    """What the server said of one op. Raises BadItem for a row that is of something else."""
    kind, key, rev = item
    row = ack.row
    if row is not None and (row.kind, row.id) != (kind, key):
        raise BadItem("bad_ack")
    return Told(kind, key, rev, ack.result, None if row is None else remote_of(row), ack.code)


def remote_of(row: Row) -> RemoteRow:
    """A row of the server's, ready for the history. Raises BadItem for a value that it cannot keep."""
    if row.kind == "x":
        raise BadItem("bad_row")
    value = None if row.value is None or row.is_dead else _kept(row)
    return RemoteRow(
        kind=row.kind,
        id=row.id,
        session_id=row.session_id,
        seq=row.seq,
        created_seq=row.created_seq,
        is_dead=row.is_dead,
        cls=row.stamp.cls,
        time=row.stamp.time,
        tie=row.stamp.tie,
        value=value,
        overtook=row.overtook,
    )


def _sent(kind: str, key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "c":
        return {"title": value["title"], "createdAt": written(stored_time(value["created_at"]))}
    if kind == "s":
        return {"value": from_json(value["value"])}
    return message_of(key, value)


def message_of(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A message's columns as the wire has it; counters that no server can keep are cut."""
    columns: dict[str, Any] = {name: value[name] for name in _TEXTS}
    columns |= {name: min(value[name] or 0, LARGEST_INT) for name in _COUNTS}
    columns |= {name: bool(value[name]) for name in _FLAGS}
    told = Message(
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
    return told if raw is None else told | {"raw_message": raw}


def _kept(row: Row) -> dict[str, Any]:
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
    """The columns of a message as the history keeps them; what the wire leaves out is empty."""
    columns = message_columns(value, is_clean=True)  # as the value of every row is, once it is decoded
    if "timestamp" not in columns:
        raise BadItem("bad_timestamp")
    columns["message_timestamp"] = columns.pop("timestamp")
    if "was_streaming" in columns:
        columns["is_streaming"] = columns.pop("was_streaming")
    for name in _WRITTEN_OUT:
        if name in columns:
            columns[name] = _json(columns[name])
    if (raw := value.get("raw_message")) is not None:
        columns["raw_message"] = _json(raw)
    return {**EMPTY_MESSAGE, **columns}


def _json(value: Any) -> str:
    """A value that came over the wire as a JSON column takes it; its text was cleaned when it was decoded."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise BadItem("bad_json") from None


def _conversation(row: Row, value: Mapping[str, Any]) -> dict[str, Any]:
    title = value.get("title")
    if not isinstance(title, str) or len(title) > 255:
        raise BadItem("bad_title")
    created = instant_of(value.get("createdAt")) or datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=row.stamp.time
    )
    kept: dict[str, Any] = {"title": title, "created_at": stamp(created)}
    for name, key in _SUMMARY.items():
        if key in value:
            at = value[key]
            kept[name] = stamp(instant_of(at) or created) if name == "last_message_timestamp" and at else at
    return kept
