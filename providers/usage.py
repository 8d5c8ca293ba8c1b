"""Token counts, cost and sources in the JSON of a reply."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from .events import Citation, Usage

MAX_SOURCES = 200


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


def citations(chunk: Mapping[str, Any]) -> Iterator[Citation]:
    """Yield the sources of a chunk or a message.

    They are in ``annotations`` (OpenAI, OpenRouter), ``citations`` or ``search_results`` (Perplexity, xAI).
    """
    for name in ("annotations", "search_results", "citations"):
        rows = chunk.get(name)
        for row in rows[:MAX_SOURCES] if isinstance(rows, list) else ():
            inner = row.get("url_citation") if is_map(row) else None
            source = inner if is_map(inner) else row
            url = source.get("url") if is_map(source) else source
            title = source.get("title") if is_map(source) else ""
            if isinstance(url, str) and url.startswith(("http://", "https://")) and len(url) < 4096:
                yield Citation(url, title[:500] if isinstance(title, str) else "")


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
