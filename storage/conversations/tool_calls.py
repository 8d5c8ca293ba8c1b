"""Tool calls of a message, as its metadata holds them.

They may come from an import or from another device: no type is taken on trust.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from ..text import one_line

TOOL_CALLS = "tool_calls"
"""Key of a message's metadata: what a model asked tools for, and what they returned."""
DECLINED = "The person did not allow this call."
"""Beginning of the result of a call that was not allowed."""
MOST = 1_000
_TELLING = ("command", "cmd", "query", "pattern", "file_path", "path", "url", "prompt", "description", "code", "input")
"""Arguments that say best what a call is about."""


class ToolCall(NamedTuple):
    """Call of a tool within a reply."""

    name: str
    arguments: Any = None
    """JSON value, or text."""
    result: str | None = None
    """None where no result is known."""
    is_error: bool = False
    id: str = ""
    at: int = 0
    """Characters of the message's text that stand before it."""
    whole: int = 0
    """Characters of the whole result where ``result`` is only its beginning; else 0."""

    @property
    def is_declined(self) -> bool:
        """Return whether the person did not allow the call."""
        return self.is_error and (self.result or "").startswith(DECLINED)

    @property
    def subject(self) -> str:
        """Return on one line what the call is about: its most telling argument, else all of them."""
        arguments = self.arguments
        if isinstance(arguments, Mapping):
            telling = (arguments.get(name) for name in _TELLING)
            text = next((value for value in telling if isinstance(value, str) and value.strip()), None)
            return one_line(text if text is not None else ", ".join(f"{k}: {_text(v)}" for k, v in arguments.items()))
        return "" if arguments is None else one_line(_text(arguments))

    @property
    def arguments_text(self) -> str:
        """Return the arguments, one a line, or the text that they are."""
        if isinstance(self.arguments, Mapping):
            return "\n".join(f"{name}: {_text(value)}" for name, value in self.arguments.items())
        return "" if self.arguments is None else _text(self.arguments)


def tool_calls(metadata: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the tool calls of a message in the order of their place in its text."""
    given = metadata.get(TOOL_CALLS)
    calls = [_call(item) for item in given[:MOST] if isinstance(item, Mapping)] if isinstance(given, list) else []
    return tuple(sorted(calls, key=lambda call: call.at))


def has_substance(content: str, metadata: Mapping[str, Any]) -> bool:
    """Return whether a reply has words, or has called tools."""
    return bool(content.strip()) or bool(metadata.get(TOOL_CALLS) and tool_calls(metadata))


def size_of_calls(metadata: Mapping[str, Any]) -> int:
    """Return the characters that the tool calls of a message add to a request which repeats them."""
    if not metadata.get(TOOL_CALLS):
        return 0
    return sum(len(call.name) + len(call.arguments_text) + len(call.result or "") for call in tool_calls(metadata))


def joined_text(content: str, metadata: Mapping[str, Any], rest: str) -> str:
    """Return the text of a reply with its rest, as a paragraph of its own where the reply ends with a call."""
    ends_with_call = any(call.at >= len(content) for call in tool_calls(metadata))
    if not ends_with_call or not content or not rest:
        return content + rest
    line_ends = len(content) - len(content.rstrip("\n")) + len(rest) - len(rest.lstrip("\n"))
    return content + "\n" * (2 - line_ends) + rest


def joined_tool_calls(before: Mapping[str, Any], length: int, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the calls of a reply and of its rest, which begins after ``length`` characters; nothing without any."""
    lists = [found if isinstance(found := metadata.get(TOOL_CALLS), list) else [] for metadata in (before, after)]
    moved = [{**item, "at": _count(item.get("at")) + length} for item in lists[1] if isinstance(item, Mapping)]
    calls = [*lists[0], *moved]
    return {TOOL_CALLS: calls} if calls else {}


def with_tool_calls(content: str, calls: tuple[ToolCall, ...]) -> list[str | ToolCall]:
    """Return the text of a message in pieces, with its tool calls between them; without any the text as it is."""
    if not calls:
        return [content] if content else []
    places = [0, *(call.at for call in calls), len(content)]
    result: list[str | ToolCall] = []
    for number, (start, end) in enumerate(pairwise(places)):
        if number:
            result.append(calls[number - 1])
        if piece := content[start:end].strip("\n"):
            result.append(piece)
    return result


def _call(item: Mapping[str, Any]) -> ToolCall:
    name, result, identity = (item.get(key) for key in ("name", "result", "id"))
    return ToolCall(
        name=one_line(name, 200) if isinstance(name, str) and name.strip() else "tool",
        arguments=item.get("arguments"),
        result=result if isinstance(result, str) else None,
        is_error=item.get("is_error") is True,
        id=identity if isinstance(identity, str) else "",
        at=_count(item.get("at")),
        whole=_count(item.get("cut")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
