"""Replies that called tools, as messages of a request.

No id and no name of an earlier call is sent as it was: it may come from another program, and vendors differ in which
they take.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sterna.providers import ChatMessage, ImagePart, ToolRequest
from sterna.storage import Message
from sterna.storage.conversations.tool_calls import ToolCall, tool_calls, with_tool_calls

NO_RESULT = "There is no result: the call was not finished."
NO_OUTPUT = "(no output)"
NO_TEXT = "(The reply was stopped here.)"
"""Text of a reply that ends with a call: some vendors refuse a question right behind a result."""


def rounds(message: Message, images: tuple[ImagePart, ...], numbers: Iterator[int]) -> list[ChatMessage]:
    """Return a reply as its rounds: text with calls, their results, and the text at its end.

    The ``images`` of all results follow the last one. ``numbers`` are those of the calls of a request.
    """
    result: list[ChatMessage] = []
    text, calls = "", list[ToolCall]()
    for piece in (*with_tool_calls(message.content, tool_calls(message.metadata)), ""):
        if isinstance(piece, ToolCall):
            calls.append(piece)
            continue
        if calls:
            requests = tuple(_request(call, next(numbers)) for call in calls)
            result.append(ChatMessage("assistant", text, tool_requests=requests))
            result += [
                ChatMessage("tool", result_text(call), tool_id=request.id)
                for call, request in zip(calls, requests, strict=True)
            ]
            calls, text = [], ""
        text = f"{text}\n\n{piece}" if text and piece else text or piece
    last = max(number for number, each in enumerate(result) if each.role == "tool")
    result[last] = result[last]._replace(images=images)
    return [*result, ChatMessage("assistant", text or NO_TEXT)]


def result_text(call: ToolCall) -> str:
    """Return the result of a call for a model."""
    if call.result is None:
        return NO_RESULT
    return text_of_result(call.result, call.whole if call.whole > len(call.result) else 0)


def text_of_result(text: str, whole: int) -> str:
    """Return a result for a model; ``whole``: the characters of all of it, where the text is its beginning, else 0."""
    text = text if text.strip() else NO_OUTPUT
    return f"{text}\n[The whole result has {whole:,} characters. This is its beginning.]" if whole else text


def tool_name(name: str) -> str:
    """Return a name that every vendor takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "tool"


def _request(call: ToolCall, number: int) -> ToolRequest:
    return ToolRequest(
        f"call{number:05}", tool_name(call.name), json.dumps(_object(call.arguments), ensure_ascii=False)
    )


def _object(arguments: Any) -> Mapping[str, Any]:
    if isinstance(arguments, Mapping):
        return arguments
    return {} if arguments is None else {"input": arguments}
