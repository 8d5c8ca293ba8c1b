"""Columns of a message on the wire, checked: the one place that knows both vocabularies of upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from .values import (
    COMPLETION_LENGTH,
    ID_LENGTH,
    LARGEST_INT,
    MODEL_LENGTH,
    MOST_ATTACHMENTS,
    MOST_WEB_RESULTS,
    BadItem,
    count,
    json_value,
    moment,
    short,
    text,
)

Role = Literal["user", "assistant", "system"]
ROLES = frozenset(get_args(Role))

METADATA = {
    "requested_web_search": "requested_web_search",
    "requested_web_max_results": "requested_web_max_results",
    "requested_reasoning_effort": "requested_reasoning_effort",
    "upstream_error_code": "upstream_error_code",
    "upstream_error_message": "upstream_error_message",
    "retry_after": "upstream_retry_after",
    "suggestions": "upstream_suggestions",
}
"""Keys of a message on the wire that are kept in its metadata, and what they are called there."""

_COUNTS = ("total_tokens", "input_tokens", "output_tokens", "output_image_tokens")


def message_columns(item: Any) -> dict[str, Any]:
    """Return the columns of a message that say something, by the names of :class:`Message`; all others are defaults.

    ``timestamp`` is text of fixed width, in UTC. Raises BadItem.
    """
    if not isinstance(item, Mapping):
        raise BadItem("not_an_object")
    get = item.get
    role = get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise BadItem("bad_role")
    columns: dict[str, Any] = {"role": role, "content": text(get("content"), "bad_content")}
    if (at := get("timestamp")) is not None:
        columns["timestamp"] = moment(at)
    for name in _COUNTS:
        if (number := get(name)) is not None and (number := count(number)):
            columns[name] = number
    if elapsed := count(get("elapsed_ms")) or min(count(get("elapsed_time")) * 1000, LARGEST_INT):
        columns["elapsed_ms"] = elapsed
    if get("contentType", get("content_type")) == "markdown":
        columns["content_type"] = "markdown"
    if get("was_streaming") is True:
        columns["was_streaming"] = True
    if (error := get("error_message") or ("Message failed" if get("error") else None)) is not None:
        columns["error_message"] = text(error, "bad_error")
    _texts(item, role, columns)
    _attachments(item, columns)
    if role == "assistant":
        if get("has_websearch"):
            columns["has_websearch"] = True
        if results := min(count(get("websearch_result_count")), MOST_WEB_RESULTS):
            columns["websearch_result_count"] = results
    for name in ("reasoning_details", "annotations"):
        if (value := get(name)) is not None:
            columns[name] = json_value(value)
    if metadata := _metadata(item):
        columns["metadata"] = metadata
    return columns


def _texts(item: Mapping[str, Any], role: str, columns: dict[str, Any]) -> None:
    """Add the short texts that are there; "" is a value."""
    get = item.get
    model = get("model")
    if model is None and role == "user":
        model = get("originalModel")
    if model is not None:
        columns["model"] = short(model, MODEL_LENGTH, "model_too_long")
    if (value := get("user_message_id")) is not None:
        columns["user_message_id"] = short(value, ID_LENGTH, "bad_id")
    if (value := get("completion_id")) is not None:
        columns["completion_id"] = short(value, COMPLETION_LENGTH, "completion_id_too_long")
    if (value := get("reasoning")) is not None:
        columns["reasoning"] = text(value, "bad_reasoning")


def _attachments(item: Mapping[str, Any], columns: dict[str, Any]) -> None:
    attached = item.get("attachment_ids")
    linked = min(len(attached), MOST_ATTACHMENTS) if isinstance(attached, list) else 0
    given = item.get("has_attachments")
    if given if isinstance(given, bool) else linked:
        columns["has_attachments"] = True
    if linked:
        columns["attachment_count"] = linked


def _metadata(item: Mapping[str, Any]) -> dict[str, Any]:
    given = item.get("metadata")
    kept = dict(given) if isinstance(given, dict) else {}
    if not METADATA.keys().isdisjoint(item):
        for wire, name in METADATA.items():
            if (value := item.get(wire)) is not None and value != []:
                kept[name] = value
    return dict(json_value(kept)) if kept else kept
