"""Tools with the package ``llm``, which has classes of its own for them, for calls and for results."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from .events import ChatMessage, Tool, ToolRequest, ToolRequests
from .request_body import arguments_object, parameters_of


def takes_tools(llm: ModuleType, model: Any) -> bool:
    """Return whether a model can be offered tools: not with a package that knows no messages."""
    return bool(getattr(model, "supports_tools", False)) and hasattr(llm, "tool_message")


def llm_tools(llm: Any, tools: Iterable[Tool]) -> list[Any]:
    """Return tools as the package takes them, without anything that it would call by itself."""
    return [llm.Tool(tool.name, tool.description, parameters_of(tool)) for tool in tools]


def llm_messages(llm: Any, messages: Iterable[tuple[ChatMessage, list[Any]]]) -> Iterator[Any]:
    """Yield messages, each with its attachments, as the package takes them."""
    names: dict[str, str] = {}
    for message, files in messages:
        if message.tool_requests:
            names |= {call.id: call.name for call in message.tool_requests}
            yield from message.opaque or (_with_calls(llm, message),)
        elif message.role == "tool":
            result = importlib.import_module("llm.parts").ToolResultPart(
                name=names.get(message.tool_id, "tool"),
                output=message.content,
                tool_call_id=message.tool_id,
                attachments=files,
            )
            yield llm.tool_message(result)
        else:
            yield getattr(llm, message.role)(message.content, *files)


async def wanted(response: Any) -> ToolRequests | None:
    """Return the calls that a response asks for once it is read, and its messages, with what plugins keep in them."""
    calls, messages = response.tool_calls(), response.messages()
    if hasattr(calls, "__await__"):
        calls, messages = await calls, await messages
    requests = [ToolRequest(call.tool_call_id or "", call.name, json.dumps(call.arguments)) for call in calls]
    return ToolRequests(tuple(requests), messages) if requests else None


def _with_calls(llm: Any, message: ChatMessage) -> Any:
    parts = importlib.import_module("llm.parts")
    calls = [
        parts.ToolCallPart(name=call.name, arguments=dict(arguments_object(call.arguments)), tool_call_id=call.id)
        for call in message.tool_requests
    ]
    return llm.assistant(*([message.content] if message.content else []), *calls)
