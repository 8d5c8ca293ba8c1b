"""Context of a request: the newest messages that fit into the context length of the model.

Tokens are estimated; the two fifths that are reserved for the reply absorb the error. If the context length is unknown,
everything is sent: the provider's error states it best, and the request is then repeated with less.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from sterna.providers import ChatMessage
from sterna.storage import Message
from sterna.storage.conversations.tool_calls import size_of_calls

from .estimates import CHARACTERS_PER_TOKEN, IMAGE_TOKENS, estimate_tokens
from .passages import sent_text

if TYPE_CHECKING:
    from .attachments.sending import Attached

NOTHING_ATTACHED: Mapping[str, Attached] = MappingProxyType({})

RESERVED = 150
OVERHEAD = 4
"""Tokens of the frame of one message."""
UNKNOWN = 2_000_000
"""Budget for a model of unknown context length: more than any has."""


def input_budget(context_length: int | None) -> int:
    """Return the tokens that a request may have: three fifths of the context length."""
    return max(0, context_length - RESERVED) * 3 // 5 if context_length else UNKNOWN


def tokens_of(message: ChatMessage) -> int:
    """Return the estimated tokens of a message of a request."""
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_requests)
    return (
        estimate_tokens(message.content) + calls // CHARACTERS_PER_TOKEN + IMAGE_TOKENS * len(message.images) + OVERHEAD
    )


def select_messages(
    newest_first: Iterable[Message], *, system_prompt: str = "", budget: int, with_calls: bool = False
) -> tuple[list[Message], bool]:
    """Return the messages that fit into ``budget`` tokens, newest first, and whether older ones do not fit.

    The newest message is always included. A reply at the beginning without its question is omitted, since some servers
    reject that. So are messages without text, and failed ones except partial replies. ``with_calls``: the calls of
    tools and their results are sent too.
    """
    left = budget - (estimate_tokens(system_prompt) + OVERHEAD if system_prompt else 0)
    selected: list[Message] = []
    is_full = False
    for message in newest_first:
        size = size_of_calls(message.metadata) if with_calls else 0
        is_lost = message.failed and not (message.role == "assistant" and (size or message.content.strip()))
        if is_lost or not (message.content or size):
            continue
        left -= estimate_tokens(sent_text(message)) + size // CHARACTERS_PER_TOKEN + OVERHEAD
        if left < 0 and selected:
            is_full = True
            break
        selected.append(message)
    while len(selected) > 1 and selected[-1].role == "assistant":
        selected.pop()
    return selected, is_full


def to_chat_messages(
    newest_first: Sequence[Message],
    system_prompt: str = "",
    attached: Mapping[str, Attached] = NOTHING_ATTACHED,
    *,
    with_calls: bool = False,
) -> tuple[ChatMessage, ...]:
    """Return the messages in chronological order, after the system prompt; what is attached stands before its message.

    Consecutive messages of one role are merged: many servers reject a conversation whose roles do not alternate.
    ``with_calls``: replies that called tools become the messages of their rounds. Without, they are their text: servers
    reject calls in a request that offers no tools.
    """
    result = [ChatMessage("system", system_prompt)] if system_prompt else []
    numbers = itertools.count(1)
    for message in reversed(newest_first):
        files = attached.get(message.id)
        images = files.images if files is not None else ()
        if with_calls and size_of_calls(message.metadata):
            from .tool_history import rounds

            parts = rounds(message, images, numbers)
        else:
            text = sent_text(message)
            text = f"{files.text}\n\n{text}" if files is not None and files.text else text
            parts = [ChatMessage(message.role, text, images if message.role == "user" else ())]
        before = result[-1] if result else None
        if before is not None and before.role == parts[0].role and not before.tool_requests:
            merged = "\n\n".join(filter(None, (before.content, parts[0].content)))
            result[-1] = parts[0]._replace(content=merged, images=(*before.images, *parts[0].images))
            parts = parts[1:]
        result += parts
    return tuple(result)


def build_context(
    newest_first: Iterable[Message], *, system_prompt: str = "", context_length: int | None = None
) -> tuple[ChatMessage, ...]:
    """Return the messages of a request to a model of that context length."""
    selected, _ = select_messages(newest_first, system_prompt=system_prompt, budget=input_budget(context_length))
    return to_chat_messages(selected, system_prompt)
