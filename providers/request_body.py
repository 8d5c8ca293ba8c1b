"""JSON body of a request for a reply."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .events import ChatMessage, ImagePart, Request, Tool
from .options import Options, deep_merged
from .quirks import Quirks
from .usage import is_map

IMAGES_OF_TOOLS = "Images in the results above:"
LONGEST_DESCRIPTION = 1_024
CHOICES = frozenset({"anyOf", "oneOf", "allOf", "not", "enum"})
CONVERSATION_PARAMETERS = ("temperature", "max_tokens", "reasoning_effort")
"""Parameters that a conversation can set."""


def request_body(request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
    """Return the body as an object."""
    stream = stream_wanted(options, quirks)
    body: dict[str, Any] = {"model": request.model, "messages": list(_messages(request.messages, quirks))}
    body |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}
    body |= {**options.parameters, **request.parameters}
    body |= {name: value for name in CONVERSATION_PARAMETERS if (value := getattr(request, name)) is not None}
    if request.tools:
        body["tools"] = [*(body.get("tools") or ()), *map(function_tool, request.tools)]
    if request.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": request.schema}}
    for name, other in quirks.rename:
        if name in body:
            body[other] = body.pop(name)
    for name in (*quirks.omit, *options.omit):
        body.pop(name, None)
    return deep_merged(body, options.extra_body)


def stream_wanted(options: Options, quirks: Quirks) -> bool:
    """Return whether a reply is to be streamed."""
    return quirks.stream is not False and options.stream is not False


def system_prompt(messages: tuple[ChatMessage, ...]) -> str:
    """Return the text of all system messages, for APIs that take it apart from the others."""
    return "\n\n".join(message.content for message in messages if message.role == "system").strip()


def encode_body(body: Mapping[str, Any]) -> bytes:
    """Return ``body`` in UTF-8. A lone surrogate, which UTF-8 cannot encode, is replaced."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")


def content_parts(text: str, images: tuple[ImagePart, ...]) -> str | list[dict[str, Any]]:
    """Return the content of a message: its text alone, or parts of which the images are data URIs."""
    if not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": data_uri(image)}} for image in images]


def data_uri(image: ImagePart) -> str:
    """Return an image as an address that has its bytes."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.content).decode('ascii')}"


def function_of(tool: Tool) -> dict[str, Any]:
    """Return a tool as a function of OpenAI's APIs, which take no longer descriptions."""
    is_long = len(tool.description) > LONGEST_DESCRIPTION
    description = f"{tool.description[: LONGEST_DESCRIPTION - 1]}…" if is_long else tool.description
    return {"name": tool.name, "description": description, "parameters": parameters_of(tool)}


def parameters_of(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool's arguments without choices at its top, which OpenAI and Anthropic refuse there."""
    return {name: value for name, value in tool.parameters.items() if name not in CHOICES}


def function_tool(tool: Tool) -> dict[str, Any]:
    """Return a tool as the chat API describes it."""
    return {"type": "function", "function": function_of(tool)}


def arguments_object(arguments: str) -> Mapping[str, Any]:
    """Return the arguments of a call as an object; an empty one if they are not valid, which no provider takes back."""
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
    return parsed if is_map(parsed) else {}


def with_images_after_results(messages: Iterable[ChatMessage]) -> Iterator[ChatMessage]:
    """Yield the messages for APIs whose results of tools are text: their images follow as a message of the person."""
    images: tuple[ImagePart, ...] = ()
    for message in messages:
        if images and message.role != "tool":
            yield ChatMessage("user", IMAGES_OF_TOOLS, images)
            images = ()
        images += message.images if message.role == "tool" else ()
        yield message._replace(images=()) if message.role == "tool" else message
    if images:
        yield ChatMessage("user", IMAGES_OF_TOOLS, images)


def without_tools(request: Request) -> Request:
    """Return the request without tools, and without calls and results in its messages: many servers refuse them too."""
    messages: list[ChatMessage] = []
    for message in request.messages:
        if message.role == "tool" or (message.tool_requests and not message.content.strip()):
            continue
        before = messages[-1] if messages else None
        if before is not None and before.role == message.role == "assistant":
            messages[-1] = before._replace(content=f"{before.content}\n\n{message.content}")
        else:
            messages.append(ChatMessage(message.role, message.content, message.images))
    return request._replace(messages=tuple(messages), tools=())


def _messages(messages: tuple[ChatMessage, ...], quirks: Quirks) -> Iterator[dict[str, Any]]:
    """Yield the messages; without a system role, the system prompt becomes a part of the first user message."""
    prompts = [message.content for message in messages if message.role == "system"]
    system = "" if quirks.system else "\n\n".join(prompts)
    for message in with_images_after_results(messages):
        if message.role == "system" and not quirks.system:
            continue
        content = message.content
        if system and message.role == "user":
            content, system = f"{system}\n\n{content}", ""
        if message.tool_requests:
            yield _requesting(message)
        elif message.role == "tool":
            yield {"role": "tool", "tool_call_id": message.tool_id, "content": content}
        else:
            yield {"role": message.role, "content": content_parts(content, message.images)}


def _requesting(message: ChatMessage) -> dict[str, Any]:
    """Return a message in which the model asks for tools, with what the server wants back beside it."""
    calls = []
    for request in message.tool_requests:
        arguments = encode_body(arguments_object(request.arguments)).decode()
        call = {"id": request.id, "type": "function", "function": {"name": request.name, "arguments": arguments}}
        calls.append(call | ({"extra_content": request.opaque} if request.opaque else {}))
    kept = message.opaque if is_map(message.opaque) else {}
    return {"role": "assistant", "content": message.content or None, "tool_calls": calls, **kept}
