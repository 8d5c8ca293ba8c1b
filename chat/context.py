"""Context of a request: the newest messages that fit into the context length of the model.

Tokens are estimated; the two fifths that are reserved for the reply absorb the error. If the context length is unknown,
everything is sent: the provider's error states it best, and the request is then repeated with less.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from sterna.providers import ChatMessage
from sterna.storage import Message
from sterna.storage.conversations.tool_calls import has_substance, size_of_calls

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
    newest_first: Iterable[Message], *, system_prompt: str = "", budget: int
) -> tuple[list[Message], bool]:
    """Return the messages that fit into ``budget`` tokens, newest first, and whether older ones do not fit.

    The newest message is always included. A reply at the beginning without its question is omitted, since some servers
    reject that. So are messages without text, and failed ones except partial replies. Calls of tools do not count: they
    get what is left (:func:`fitting_calls`).
    """
    left = budget - (estimate_tokens(system_prompt) + OVERHEAD if system_prompt else 0)
    selected: list[Message] = []
    is_full = False
    for message in newest_first:
        is_reply = message.role == "assistant" and has_substance(message.content, message.metadata)
        if not is_reply and (message.failed or not message.content):
            continue
        left -= estimate_tokens(sent_text(message)) + OVERHEAD
        if left < 0 and selected:
            is_full = True
            break
        selected.append(message)
    while len(selected) > 1 and selected[-1].role == "assistant":
        selected.pop()
    return selected, is_full


def fitting_calls(newest_first: Iterable[Message], left: int) -> frozenset[str]:
    """Return the ids of the newest replies whose calls of tools, with the results, fit into ``left`` tokens."""
    found = []
    for message in newest_first:
        if size := size_of_calls(message.metadata):
            left -= size // CHARACTERS_PER_TOKEN + OVERHEAD
            if left < 0:
                break
            found.append(message.id)
    return frozenset(found)


def to_chat_messages(
    newest_first: Sequence[Message],
    system_prompt: str = "",
    attached: Mapping[str, Attached] = NOTHING_ATTACHED,
    *,
    with_calls: Collection[str] = (),
) -> tuple[ChatMessage, ...]:
    """Return the messages in chronological order, after the system prompt; what is attached stands before its message.

    Consecutive messages of one role are merged: many servers reject a conversation whose roles do not alternate.
    The replies whose ids are in ``with_calls`` become the messages of their rounds, with calls of tools and results.
    Others are their text: servers reject calls in a request that offers no tools.
    """
    result = [ChatMessage("system", system_prompt)] if system_prompt else []
    numbers = itertools.count(1)
    for message in reversed(newest_first):
        files = attached.get(message.id)
        images = files.images if files is not None else ()
        if message.id in with_calls:
            from .tool_history import rounds

            parts = rounds(message, images, numbers)
        else:
            text = sent_text(message)
            text = f"{files.text}\n\n{text}" if files is not None and files.text else text
            if not text:
                continue
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
