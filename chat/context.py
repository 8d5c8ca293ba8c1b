"""What of a conversation is sent along: as much as fits, the newest first (contract 7.3).

A token is taken for four characters. Counting truly would need every model's own tokenizer; the two fifths that are
left free for the reply take the error.
"""

from __future__ import annotations

from collections.abc import Iterable

from providers import ChatMessage
from storage import Message

CONTEXT_LENGTH = 8000
"""Tokens of a model that does not say how many it takes."""
CHARACTERS_A_TOKEN = 4
RESERVED = 150
OVERHEAD = 4
"""Tokens that the frame of one message costs."""


def tokens(text: str) -> int:
    """An estimate, never too small for prose."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def input_budget(context_length: int | None) -> int:
    """Tokens that the request may have: three fifths of what the model takes."""
    return max(0, (context_length or CONTEXT_LENGTH) - RESERVED) * 3 // 5


def build_context(
    newest_first: Iterable[Message], *, system_prompt: str = "", context_length: int | None = None
) -> tuple[ChatMessage, ...]:
    """The request's messages in the order of time, the system prompt before them.

    The newest message is always there: if it is too long by itself, the server's own answer says so best. Failed
    messages are left out, and so is a reply at the beginning whose question did not fit: some servers refuse that.
    """
    left = input_budget(context_length) - (tokens(system_prompt) + OVERHEAD if system_prompt else 0)
    chosen: list[ChatMessage] = []
    for message in newest_first:
        if message.failed or not message.content:
            continue
        left -= tokens(message.content) + OVERHEAD
        if left < 0 and chosen:
            break
        chosen.append(ChatMessage(message.role, message.content))
    while len(chosen) > 1 and chosen[-1].role == "assistant":
        chosen.pop()
    if system_prompt:
        chosen.append(ChatMessage("system", system_prompt))
    return tuple(reversed(chosen))
