"""The JSON of a request for a reply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .events import ChatMessage, Request
from .options import Options, deep_merged
from .quirks import Quirks

OWN = ("temperature", "max_tokens", "reasoning_effort")
"""Parameters of a conversation."""


def body_of(request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
    """Return the object to send."""
    stream = quirks.stream is not False and options.stream is not False
    body: dict[str, Any] = {"model": request.model, "messages": list(_messages(request.messages, quirks))}
    body |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}
    body |= options.parameters
    body |= {name: value for name in OWN if (value := getattr(request, name)) is not None}
    for name, other in quirks.rename:
        if name in body:
            body[other] = body.pop(name)
    for name in (*quirks.omit, *options.omit):
        body.pop(name, None)
    return deep_merged(body, options.extra_body)


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return ``body`` as it is sent. A lone surrogate, which has no form in UTF-8, does not keep the rest back."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")


def _messages(messages: tuple[ChatMessage, ...], quirks: Quirks) -> Iterator[dict[str, str]]:
    """Yield the messages; without a system role the first question takes what the system message said."""
    system = "\n\n".join(one.content for one in messages if one.role == "system") if not quirks.system else ""
    for one in messages:
        if one.role == "system" and not quirks.system:
            continue
        content = one.content
        if system and one.role == "user":
            content, system = f"{system}\n\n{content}", ""
        yield {"role": one.role, "content": content}
