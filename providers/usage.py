"""Token counts, cost and sources in an answer's JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from .events import Citation, Usage

MOST_SOURCES = 200


def usage(value: object) -> Usage | None:
    """Return token counts in the names of the chat API, or of the newer ones; None where there are none."""
    if not is_map(value):
        return None
    sent = _count(value, "prompt_tokens", "input_tokens")
    came = _count(value, "completion_tokens", "output_tokens")
    if sent is None and came is None:
        return None
    total = _count(value, "total_tokens")
    return Usage(
        sent or 0,
        came or 0,
        total if total is not None else (sent or 0) + (came or 0),
        cached_tokens=_cached(value),
        reasoning_tokens=_detail(value, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
        cost=_cost(value.get("cost")),
    )


def merged(before: Usage | None, after: Usage | None) -> Usage | None:
    """Return the later counts, with the earlier ones where the later have none: some servers end with zeros."""
    if before is None or after is None:
        return after or before
    sent, came = after.input_tokens or before.input_tokens, after.output_tokens or before.output_tokens
    return Usage(
        sent,
        came,
        max(after.total_tokens, sent + came) if after.total_tokens else max(before.total_tokens, sent + came),
        cached_tokens=after.cached_tokens or before.cached_tokens,
        reasoning_tokens=after.reasoning_tokens or before.reasoning_tokens,
        cost=after.cost or before.cost,
    )


def citations(chunk: Mapping[str, Any]) -> Iterator[Citation]:
    """Yield the sources that a chunk or a message names: ``annotations`` of OpenAI and OpenRouter, ``citations`` and
    ``search_results`` of Perplexity and xAI."""
    for name in ("annotations", "search_results", "citations"):
        rows = chunk.get(name)
        for row in rows[:MOST_SOURCES] if isinstance(rows, list) else ():
            inner = row.get("url_citation") if is_map(row) else None
            source = inner if is_map(inner) else row
            url = source.get("url") if is_map(source) else source
            title = source.get("title") if is_map(source) else ""
            if isinstance(url, str) and url.startswith(("http://", "https://")) and len(url) < 4096:
                yield Citation(url, title[:500] if isinstance(title, str) else "")


def is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether ``value`` is a JSON object."""
    return isinstance(value, Mapping)


def _cached(value: Mapping[str, Any]) -> int | None:
    found = _detail(value, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens")
    return found if found is not None else _count(value, "prompt_cache_hit_tokens", "cache_read_input_tokens")


def _detail(value: Mapping[str, Any], places: tuple[str, ...], name: str) -> int | None:
    inner = next((one for place in places if is_map(one := value.get(place))), {})
    return _count(inner, name)


def _count(value: Mapping[str, Any], *names: str) -> int | None:
    found = (value.get(name) for name in names)
    whole = (int(n) for n in found if isinstance(n, (int, float)) and not isinstance(n, bool) and 0 <= n < 2**53)
    return next(whole, None)


def _cost(value: object) -> float | None:
    if is_map(value):  # Perplexity's
        value = value.get("total_cost")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 1e9 else None
