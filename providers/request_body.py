"""JSON body of a request for a reply."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from .events import ChatMessage, ImagePart, Request
from .options import Options, deep_merged
from .quirks import Quirks

CONVERSATION_PARAMETERS = ("temperature", "max_tokens", "reasoning_effort")
"""Parameters that a conversation can set."""


def request_body(request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
    """Return the body as an object."""
    stream = stream_wanted(options, quirks)
    body: dict[str, Any] = {"model": request.model, "messages": list(_messages(request.messages, quirks))}
    body |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}
    body |= {**options.parameters, **request.parameters}
    body |= {name: value for name in CONVERSATION_PARAMETERS if (value := getattr(request, name)) is not None}
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


def _messages(messages: tuple[ChatMessage, ...], quirks: Quirks) -> Iterator[dict[str, Any]]:
    """Yield the messages; without a system role, the system prompt becomes a part of the first user message."""
    prompts = [message.content for message in messages if message.role == "system"]
    system = "" if quirks.system else "\n\n".join(prompts)
    for message in messages:
        if message.role == "system" and not quirks.system:
            continue
        content = message.content
        if system and message.role == "user":
            content, system = f"{system}\n\n{content}", ""
        yield {"role": message.role, "content": content_parts(content, message.images)}
