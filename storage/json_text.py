"""JSON as columns hold it: text without NUL, lone surrogates or the numbers that JSON does not have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .text import storable

_NO_JSON = (ValueError, TypeError, RecursionError)
"""Errors of json.loads for a text that is not JSON."""


def to_json(value: Any) -> str:
    """Return ``value`` for a JSON column. Raises ValueError for what JSON cannot hold: NaN, infinity, a cycle."""
    if type(value) in (str, list, dict):
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except TypeError:
            pass
        else:
            if "\\u0000" not in text and storable(text) == text:
                return text
    return json.dumps(_storable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(text: str | None) -> Any:
    """Return what a JSON column says; None for none, and for what is damaged."""
    try:
        return None if text is None else json.loads(text)
    except _NO_JSON:
        return None


def json_object(text: str | None) -> dict[str, Any]:
    """Return what a JSON column says that holds an object; an empty one for anything else."""
    value = from_json(text)
    return value if isinstance(value, dict) else {}


def is_json(text: str) -> bool:
    """Return True for text that is JSON."""
    try:
        json.loads(text)
    except _NO_JSON:
        return False
    return True


def jsonb_deep_merge(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merge ``b`` into ``a``: objects key by key; anything else of ``b`` (null and arrays too) replaces.

    None on either side is as good as empty. See docs/specification/functions.md#jsonb-deep-merge.
    """
    merged = dict(a or {})
    for key, value in (b or {}).items():
        mine = merged.get(key)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        merged[key] = jsonb_deep_merge(mine, value) if both else value
    return merged


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value
