"""Token counts, cost and sources in the JSON of a reply."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from .events import Usage


def usage(value: object) -> Usage | None:
    """Return the token counts, under the names of the chat API or of newer ones; None if there are none."""
    if not is_map(value):
        return None
    sent = _count(value, "prompt_tokens", "input_tokens")
    received = _count(value, "completion_tokens", "output_tokens")
    if sent is None and received is None:
        return None
    total = _count(value, "total_tokens")
    return Usage(
        sent or 0,
        received or 0,
        total if total is not None else (sent or 0) + (received or 0),
        cached_tokens=_cached(value),
        reasoning_tokens=_detail(value, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
        cost=_cost(value.get("cost")),
    )


def merged(before: Usage | None, after: Usage | None) -> Usage | None:
    """Return the later counts, completed by the earlier ones: some servers send zeros at the end."""
    if before is None or after is None:
        return after or before
    sent = after.input_tokens or before.input_tokens
    received = after.output_tokens or before.output_tokens
    return Usage(
        sent,
        received,
        max(after.total_tokens or before.total_tokens, sent + received),
        cached_tokens=after.cached_tokens or before.cached_tokens,
        reasoning_tokens=after.reasoning_tokens or before.reasoning_tokens,
        cost=after.cost or before.cost,
    )


def is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether ``value`` is a JSON object."""
    return isinstance(value, Mapping)


def _cached(value: Mapping[str, Any]) -> int | None:
    cached = _detail(value, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens")
    return cached if cached is not None else _count(value, "prompt_cache_hit_tokens", "cache_read_input_tokens")


def _detail(value: Mapping[str, Any], tables: tuple[str, ...], name: str) -> int | None:
    inner = next((details for table in tables if is_map(details := value.get(table))), {})
    return _count(inner, name)


def _count(value: Mapping[str, Any], *names: str) -> int | None:
    values = (value.get(name) for name in names)
    counts = (int(n) for n in values if isinstance(n, (int, float)) and not isinstance(n, bool) and 0 <= n < 2**53)
    return next(counts, None)


def _cost(value: object) -> float | None:
    if is_map(value):  # Perplexity's
        value = value.get("total_cost")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 1e9 else None
