"""Sentences about a reply that ended by itself and is not whole, or was asked with less than the person sees.

They are made from what is stored with the message, which may come from another device: no type is taken on trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..text import one_line
from .citations import sources

ENDINGS: Mapping[str, str] = {
    "length": "Cut off: the reply reached the model's length limit. Send “continue” for the rest.",
    "content_filter": "Cut off: the provider's content filter stopped the reply here.",
    "tool_calls": "The model asked for a tool that was not offered to it. Ask for an answer in words to go on.",
}
DETAILS = (
    "finish_reason",
    "left_out",
    "without",
    "tool_problems",
    "citations",
    "quotes",
    "cost",
    "cost_source",
    "cached_tokens",
    "reasoning_tokens",
)
"""Names in a message's metadata that a script may want."""
SHOWN = 12
"""Sources that are named under a reply."""


def reply_notes(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sentences, the most important first."""
    result = []
    reason = metadata.get("finish_reason")
    if isinstance(reason, str) and reason not in ("", "stop"):
        result.append(ENDINGS.get(reason) or f"The provider ended the reply for a reason of its own: {reason[:60]}.")
    left_out = metadata.get("left_out")
    if isinstance(left_out, int) and not isinstance(left_out, bool) and left_out > 0:
        what = "1 earlier message was" if left_out == 1 else f"{left_out:,} earlier messages were"
        result.append(f"{what} left out: the model does not take the whole conversation.")
    summarised = metadata.get("summarised")
    if isinstance(summarised, int) and not isinstance(summarised, bool) and summarised > 0:
        what = "1 earlier message was" if summarised == 1 else f"{summarised:,} earlier messages were"
        result.append(f"{what} sent as a summary, which the settings of the conversation show.")
    elif metadata.get("summary_failed") is True:
        result.append("The model gave no summary of them.")
    without = _texts(metadata.get("without"))
    if without:
        result.append(f"Asked without {' and '.join(without)}, which this model does not take.")
    result += _texts(metadata.get("tool_problems"), 300)
    return tuple(result)


def reply_sources(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return title and address of the sources that the provider named."""
    return tuple((source.title, source.url) for source in sources(metadata))


def source_lines(metadata: Mapping[str, Any]) -> list[str]:
    """Return the first sources, one a line, each with its number, title and address."""
    named = enumerate(sources(metadata)[:SHOWN], 1)
    return [f"[{number}] {one_line(f'{one_line(it.title, 60)} {one_line(it.url, 200)}', 300)}" for number, it in named]


def reply_details(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is of :data:`DETAILS`, and the sentences as ``notes``."""
    result = {name: metadata[name] for name in DETAILS if metadata.get(name) not in (None, [], "")}
    notes = list(reply_notes(metadata))
    return result | ({"notes": notes} if notes else {})


def _texts(value: object, length: int = 60) -> list[str]:
    return [item[:length] for item in value if isinstance(item, str)][:10] if isinstance(value, list) else []
