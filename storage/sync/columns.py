"""The columns of a message that travel, and when two values of them are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

MESSAGE_COLUMNS = (
    "role",
    "content",
    "model",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "user_message_id",
    "content_type",
    "completion_id",
    "message_timestamp",
    "error_message",
    "is_streaming",
    "metadata",
    "elapsed_ms",
    "raw_message",
    "reasoning",
    "reasoning_details",
    "has_attachments",
    "attachment_count",
    "has_websearch",
    "websearch_result_count",
    "output_image_tokens",
    "annotations",
    "parent_id",
)
"""Columns that a person, a model or a tool wrote; of ``elapsed_time`` and ``elapsed_ms`` the finer one."""

JSON_COLUMNS = frozenset({"metadata", "raw_message", "reasoning_details", "annotations"})

DEFAULTS: Mapping[str, Any] = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "content_type": "text",
    "is_streaming": 0,
    "metadata": "{}",
    "elapsed_ms": 0,
    "has_attachments": 0,
    "attachment_count": 0,
    "has_websearch": 0,
    "websearch_result_count": 0,
    "output_image_tokens": 0,
}
"""Default of each column."""

EMPTY_MESSAGE: Mapping[str, Any] = {name: DEFAULTS.get(name) for name in MESSAGE_COLUMNS}
"""A message of which nothing is known."""

SUMMARY = ("last_message_timestamp", "last_message_preview", "message_count", "total_tokens", "last_model")
"""Columns of a conversation's summary beside its title."""

_FILLED = tuple((name, DEFAULTS.get(name)) for name in MESSAGE_COLUMNS)


_VALUES = itemgetter(*MESSAGE_COLUMNS)
_COUNTS = slice(MESSAGE_COLUMNS.index("has_attachments"), MESSAGE_COLUMNS.index("annotations"))
"""The columns that are never null."""


def filled(value: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of :data:`MESSAGE_COLUMNS`, in their order."""
    try:
        result: tuple[Any, ...] = _VALUES(value)
        if None not in result[_COUNTS]:
            return result
    except KeyError:
        pass
    get = value.get
    return tuple([default if (item := get(name)) is None else item for name, default in _FILLED])


def is_same(item: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two messages say the same; JSON may be written differently."""
    for name, default in _FILLED:
        mine, theirs = item[name], other.get(name)
        mine = default if mine is None else mine
        theirs = default if theirs is None else theirs
        if mine != theirs and (
            name not in JSON_COLUMNS or mine is None or theirs is None or json.loads(mine) != json.loads(theirs)
        ):
            return False
    return True
