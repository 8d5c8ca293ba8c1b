"""Rows of the tables, checked and made from a conversation as the wire writes it.

See docs/specification/endpoints.md#conversation-object and docs/specification/functions.md#sync-user-conversations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..clock import parse, stamp
from ..database.integers import int4
from ..json_text import to_json
from ..text import storable
from .conversations import DEFAULT_TITLE, TITLE_LENGTH
from .message_order import MICROSECOND, in_array_order
from .message_tree import ROOT

MODEL_LENGTH = 100
COMPLETION_LENGTH = 255
ID_LENGTH = 255
LARGEST = 2**53

_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

_METADATA = {
    "requested_web_search": "requested_web_search",
    "requested_web_max_results": "requested_web_max_results",
    "requested_reasoning_effort": "requested_reasoning_effort",
    "upstream_error_code": "upstream_error_code",
    "upstream_error_message": "upstream_error_message",
    "retry_after": "upstream_retry_after",
    "suggestions": "upstream_suggestions",
}


class BadRow(ValueError):
    """Why one conversation cannot be taken: a short, stable word."""


@dataclass(frozen=True, slots=True)
class ImportedConversation:
    """Rows to write: parameters with the tables' column names."""

    session: dict[str, Any]
    messages: list[dict[str, Any]]
    undated: frozenset[str] = frozenset()
    """Ids of the messages that came without a time: one that is known keeps its own."""
    leaf: str | None = None
    """A message of the branch to show; None for the branch with the newest message."""


def conversation_of(item: Any, *, user_id: str, now: str) -> ImportedConversation:
    """Return the rows of a wire conversation; raises BadRow. A message id that comes twice means its last form.

    See docs/specification/functions.md#sync-user-conversations.
    """
    if not isinstance(item, Mapping):
        raise BadRow("not_an_object")
    session_id = _id(item.get("id"))
    if item.get("userId") not in (None, user_id):
        raise BadRow("foreign_user")
    title = item.get("title")
    title = DEFAULT_TITLE if title is None else _text(title, "bad_title")
    if len(title) > TITLE_LENGTH:
        raise BadRow("title_too_long")
    created = _time(item.get("createdAt"), now)
    newest = item.get("lastMessageTimestamp")
    session = {
        "id": session_id,
        "user_id": user_id,
        "title": title,
        "created_at": created,
        "updated_at": _time(item.get("updatedAt"), now),
        "message_count": int4(_count(item.get("messageCount"))),
        "total_tokens": _count(item.get("totalTokens")),
        "last_model": _short(item.get("lastModel"), MODEL_LENGTH, "model_too_long"),
        "last_message_preview": _short(item.get("lastMessagePreview"), 1_000_000, "bad_preview"),
        "last_message_timestamp": None if newest is None else _time(newest, now),
    }
    messages = item.get("messages") or ()
    if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
        raise BadRow("bad_messages")
    rows: dict[str, dict[str, Any]] = {}
    undated: set[str] = set()
    for message in messages:
        row = _message(message, session_id, now)
        rows[row["id"]] = row
        (undated.discard if message.get("timestamp") else undated.add)(row["id"])
    _put_in_order(rows, undated, now)
    _put_after_parents(rows)
    leaf = _short(item.get("leaf"), ID_LENGTH, "bad_id")
    return ImportedConversation(session, list(rows.values()), frozenset(undated), leaf)


def _put_in_order(rows: Mapping[str, dict[str, Any]], undated: set[str], now: str) -> None:
    """Give each message a time of its own, in the order of the array."""
    if not undated and len({row["message_timestamp"] for row in rows.values()}) == len(rows):
        return  # the usual array, whose times need not be read
    times = [None if name in undated else parse(row["message_timestamp"]) for name, row in rows.items()]
    for row, at in zip(rows.values(), in_array_order(times, parse(now)), strict=True):
        row["message_timestamp"] = stamp(at)


def _put_after_parents(rows: Mapping[str, dict[str, Any]]) -> None:
    """Give a message whose parent stands before it in the array, and has a later time, the time after that."""
    passed: set[str] = set()
    for name, row in rows.items():
        parent = rows[row["parent_id"]] if row["parent_id"] in passed else None
        if parent is not None and row["message_timestamp"] <= parent["message_timestamp"]:
            row["message_timestamp"] = stamp(parse(parent["message_timestamp"]) + MICROSECOND)
        passed.add(name)


def forget_line(rows: Iterable[dict[str, Any]]) -> None:
    """Name no parents in a new conversation without branches: they would say what the order says."""
    ordered = sorted(rows, key=lambda row: (row["message_timestamp"], row["id"]))
    before = ROOT
    for row in ordered:
        if row["parent_id"] not in (None, before):
            return
        before = row["id"]
    for row in ordered:
        row["parent_id"] = None


def _message(item: Any, session_id: str, now: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise BadRow("not_an_object")
    get = item.get
    role = get("role")
    if role not in ("user", "assistant", "system"):
        raise BadRow("bad_role")
    model = get("model")
    if model is None and role == "user":
        model = get("originalModel")
    elapsed_ms = int4(_count(get("elapsed_ms")) or _count(get("elapsed_time")) * 1000)
    attachments = get("attachment_ids")
    count = min(len(attachments), 3) if isinstance(attachments, list) else 0
    error = get("error_message") or ("Message failed" if get("error") else None)
    return {
        "id": _id(get("id")),
        "session_id": session_id,
        "role": role,
        "content": _text(get("content"), "bad_content"),
        "model": _short(model, MODEL_LENGTH, "model_too_long"),
        "total_tokens": int4(_count(get("total_tokens"))),
        "input_tokens": int4(_count(get("input_tokens"))),
        "output_tokens": int4(_count(get("output_tokens"))),
        "user_message_id": _short(get("user_message_id"), ID_LENGTH, "bad_id"),
        "parent_id": _short(get("parent_id"), ID_LENGTH, "bad_id"),
        "content_type": "markdown" if get("contentType", get("content_type")) == "markdown" else "text",
        "elapsed_time": (elapsed_ms + 500) // 1000,
        "completion_id": _short(get("completion_id"), COMPLETION_LENGTH, "completion_id_too_long"),
        "message_timestamp": _time(get("timestamp"), now),
        "error_message": None if error is None else _text(error, "bad_error"),
        "is_streaming": int(get("was_streaming") is True),
        "metadata": _metadata(item),
        "elapsed_ms": elapsed_ms,
        "reasoning": _short(get("reasoning"), 1 << 30, "bad_reasoning"),
        "reasoning_details": _json(get("reasoning_details")),
        "has_attachments": int(bool(get("has_attachments", count > 0))),
        "attachment_count": count,
        "has_websearch": int(role == "assistant" and bool(get("has_websearch"))),
        "websearch_result_count": min(_count(get("websearch_result_count")), 50) if role == "assistant" else 0,
        "output_image_tokens": int4(_count(get("output_image_tokens"))),
        "annotations": _json(get("annotations")),
    }


def _metadata(item: Mapping[str, Any]) -> str:
    given = item.get("metadata")
    stored = dict(given) if isinstance(given, Mapping) else {}
    for wire, name in _METADATA.items():
        if (value := item.get(wire)) not in (None, []):
            stored[name] = value
    return _json(stored) or "{}" if stored else "{}"


def _json(value: Any) -> str | None:
    try:
        return None if value is None else to_json(value)
    except (TypeError, ValueError):
        raise BadRow("bad_json") from None


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadRow("missing_id")
    if len(value) > ID_LENGTH or storable(value) != value:
        raise BadRow("bad_id")
    return value


def _text(value: Any, complaint: str) -> str:
    if not isinstance(value, str):
        raise BadRow(complaint)
    return storable(value)


def _short(value: Any, limit: int, complaint: str) -> str | None:
    if value is None:
        return None
    text = _text(value, complaint)
    if len(text) > limit:
        raise BadRow(complaint)
    return text


def _count(value: Any) -> int:
    if value is None or value is False:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or value < 0 or value > LARGEST:
        raise BadRow("bad_number")
    return int(value)


def _time(value: Any, now: str) -> str:
    if value is None:
        return now
    if not isinstance(value, str):
        raise BadRow("bad_timestamp")
    try:
        moment = parse(value)
        if _MILLISECONDS.fullmatch(value):
            return value[:23] + "000Z"
        return value if _MICROSECONDS.fullmatch(value) else stamp(moment)
    except (ValueError, OverflowError):
        raise BadRow("bad_timestamp") from None
