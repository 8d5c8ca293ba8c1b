"""Validated columns of a message on the wire: the one place that knows both vocabularies of upstream."""

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
    fixed_width_time,
    json_value,
    short_text,
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
"""Keys of a message on the wire that are stored in its metadata, and their names there."""

ATTACHMENTS = "attachment_ids"
"""Key in the metadata for the ids of attachments; the attachments themselves are stored elsewhere."""

_COUNT, _SHORT, _JSON, _OTHER = range(4)
_KEYS = {
    **dict.fromkeys(("total_tokens", "input_tokens", "output_tokens", "output_image_tokens"), _COUNT),
    **dict.fromkeys(("model", "originalModel", "user_message_id", "completion_id", "parent_id"), _SHORT),
    **dict.fromkeys(("reasoning_details", "annotations"), _JSON),
    **dict.fromkeys(
        (
            "attachment_ids", "contentType", "content_type", "elapsed_ms", "elapsed_time", "error", "error_message",
            "has_attachments", "has_websearch", "metadata", "reasoning", "was_streaming", "websearch_result_count",
            *METADATA,
        ),
        _OTHER,
    ),
}  # fmt: skip
"""Type of each key's value. Other keys do not belong to a message."""
_SHORTS = {
    "model": (MODEL_LENGTH, "model_too_long"),
    "originalModel": (MODEL_LENGTH, "model_too_long"),
    "user_message_id": (ID_LENGTH, "bad_id"),
    "completion_id": (COMPLETION_LENGTH, "completion_id_too_long"),
    "parent_id": (ID_LENGTH, "bad_id"),
}


def message_columns(item: Any, *, is_clean: bool = False) -> dict[str, Any]:
    """Return the columns of a message that differ from their defaults, by the names of :class:`Message`.

    ``timestamp`` is text of fixed width, in UTC. ``is_clean``: the JSON held no text that cannot be stored. Raises
    :class:`BadItem`.
    """
    if not isinstance(item, Mapping):
        raise BadItem("not_an_object")
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise BadItem("bad_role")
    columns: dict[str, Any] = {"role": role, "content": text(item.get("content"), "bad_content")}
    if (at := item.get("timestamp")) is not None:
        columns["timestamp"] = fixed_width_time(at)
    others: dict[str, Any] = {}
    # iterates over the keys that are present: most messages have few of them
    for key, value in item.items():
        type_ = _KEYS.get(key)
        if type_ is None or value is None:
            continue
        if type_ == _COUNT:
            if number := count(value):
                columns[key] = number
        elif type_ == _SHORT:
            columns[key] = short_text(value, *_SHORTS[key])
        elif type_ == _JSON:
            columns[key] = value if is_clean else json_value(value)
        else:
            others[key] = value
    if (model := columns.pop("originalModel", None)) is not None and role == "user":
        columns.setdefault("model", model)
    if others:
        _add_others(others, role, columns, is_clean)
    return columns


def attachment_ids(value: Any) -> list[str]:
    """Return the ids in a list of attachments, at most as many as a message may have."""
    items = value[:MOST_ATTACHMENTS] if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str) and 0 < len(item) <= ID_LENGTH]


def _add_others(others: Mapping[str, Any], role: str, columns: dict[str, Any], is_clean: bool) -> None:
    """Add the columns that depend on several keys, or on the role."""
    get = others.get
    if elapsed := count(get("elapsed_ms")) or min(count(get("elapsed_time")) * 1000, LARGEST_INT):
        columns["elapsed_ms"] = elapsed
    if get("contentType", get("content_type")) == "markdown":
        columns["content_type"] = "markdown"
    if get("was_streaming") is True:
        columns["was_streaming"] = True
    if error := get("error_message") or ("Message failed" if get("error") else None):
        columns["error_message"] = text(error, "bad_error")
    if (value := get("reasoning")) is not None:
        columns["reasoning"] = text(value, "bad_reasoning")
    attached = get("attachment_ids")
    linked = min(len(attached), MOST_ATTACHMENTS) if isinstance(attached, list) else 0
    given = get("has_attachments")
    if given if isinstance(given, bool) else linked:
        columns["has_attachments"] = True
    if linked:
        columns["attachment_count"] = linked
    if role == "assistant":
        if get("has_websearch"):
            columns["has_websearch"] = True
        if results := min(count(get("websearch_result_count")), MOST_WEB_RESULTS):
            columns["websearch_result_count"] = results
    given = get("metadata")
    metadata = dict(given) if isinstance(given, dict) else {}
    if linked and (ids := attachment_ids(attached)):
        metadata[ATTACHMENTS] = ids
    if not METADATA.keys().isdisjoint(others):
        metadata |= {name: others[key] for key, name in METADATA.items() if key in others and others[key] != []}
    if metadata:
        columns["metadata"] = metadata if is_clean else dict(json_value(metadata))
