"""Context of a request: the newest messages that fit into the context length of the model.

Tokens are estimated; the two fifths that are reserved for the reply absorb the error. If the context length is unknown,
everything is sent: the provider's error states it best, and the request is then repeated with less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from sterna.providers import ChatMessage
from sterna.storage import Message

from .estimates import estimate_tokens
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


def select_messages(
    newest_first: Iterable[Message], *, system_prompt: str = "", budget: int
) -> tuple[list[Message], bool]:
    """Return the messages that fit into ``budget`` tokens, newest first, and whether older ones do not fit.

    The newest message is always included. A reply at the beginning without its question is omitted, since some servers
    reject that. So are messages without text, and failed ones except partial replies.
    """
    left = budget - (estimate_tokens(system_prompt) + OVERHEAD if system_prompt else 0)
    selected: list[Message] = []
    is_full = False
    for message in newest_first:
        is_lost = message.failed and not (message.role == "assistant" and message.content.strip())
        if is_lost or not message.content:
            continue
        left -= estimate_tokens(sent_text(message)) + OVERHEAD
        if left < 0 and selected:
            is_full = True
            break
        selected.append(message)
    while len(selected) > 1 and selected[-1].role == "assistant":
        selected.pop()
    return selected, is_full


def to_chat_messages(
    newest_first: Sequence[Message], system_prompt: str = "", attached: Mapping[str, Attached] = NOTHING_ATTACHED
) -> tuple[ChatMessage, ...]:
    """Return the messages in chronological order, after the system prompt; what is attached stands before its message.

    Consecutive messages of one role are merged: many servers reject a conversation whose roles do not alternate.
    """
    result = [ChatMessage("system", system_prompt)] if system_prompt else []
    for message in reversed(newest_first):
        files = attached.get(message.id)
        text = sent_text(message)
        text = f"{files.text}\n\n{text}" if files is not None and files.text else text
        images = files.images if files is not None else ()
        if result and result[-1].role == message.role:
            before = result[-1]
            result[-1] = ChatMessage(message.role, f"{before.content}\n\n{text}", (*before.images, *images))
        else:
            result.append(ChatMessage(message.role, text, images))
    return tuple(result)


def build_context(
    newest_first: Iterable[Message], *, system_prompt: str = "", context_length: int | None = None
) -> tuple[ChatMessage, ...]:
    """Return the messages of a request to a model of that context length."""
    selected, _ = select_messages(newest_first, system_prompt=system_prompt, budget=input_budget(context_length))
    return to_chat_messages(selected, system_prompt)
