"""The part of a conversation that is sent along: as much as fits, the newest first.

A token is taken for four characters. Counting truly would need every model's own tokenizer; the two fifths that are
left free for the reply take the error. Where nobody says how much a model takes, everything is sent: its server's own
refusal says so best, and the request is then made again with less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sterna.providers import ChatMessage
from sterna.storage import Message

CHARACTERS_A_TOKEN = 4
RESERVED = 150
OVERHEAD = 4
"""Tokens that the frame of one message costs."""
UNKNOWN = 2_000_000
"""Tokens for a model that does not say how many it takes: more than any does."""


def tokens(text: str) -> int:
    """An estimate, never too small for prose."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def input_budget(context_length: int | None) -> int:
    """Tokens that the request may have: three fifths of what the model takes."""
    return max(0, context_length - RESERVED) * 3 // 5 if context_length else UNKNOWN


def choose(newest_first: Iterable[Message], *, system_prompt: str = "", budget: int) -> tuple[list[Message], bool]:
    """The messages that fit into ``budget`` tokens, newest first, and whether older ones did not.

    The newest message is always there. A reply at the beginning whose question did not fit is left out: some servers
    refuse that. So are messages without text, and failed ones but for a reply of which a part came.
    """
    left = budget - (tokens(system_prompt) + OVERHEAD if system_prompt else 0)
    chosen: list[Message] = []
    full = False
    for message in newest_first:
        is_lost = message.failed and not (message.role == "assistant" and message.content.strip())
        if is_lost or not message.content:
            continue
        left -= tokens(message.content) + OVERHEAD
        if left < 0 and chosen:
            full = True
            break
        chosen.append(message)
    while len(chosen) > 1 and chosen[-1].role == "assistant":
        chosen.pop()
    return chosen, full


def in_turns(newest_first: Sequence[Message], system_prompt: str = "") -> tuple[ChatMessage, ...]:
    """The messages in the order of time, the system prompt before them.

    Two of one role in a row become one: many servers refuse a conversation whose roles do not alternate.
    """
    sent = [ChatMessage("system", system_prompt)] if system_prompt else []
    for message in reversed(newest_first):
        if len(sent) and sent[-1].role == message.role:
            sent[-1] = ChatMessage(message.role, f"{sent[-1].content}\n\n{message.content}")
        else:
            sent.append(ChatMessage(message.role, message.content))
    return tuple(sent)


def build_context(
    newest_first: Iterable[Message], *, system_prompt: str = "", context_length: int | None = None
) -> tuple[ChatMessage, ...]:
    """The request's messages: those that :func:`choose` gives, as :func:`in_turns` puts them."""
    chosen, _ = choose(newest_first, system_prompt=system_prompt, budget=input_budget(context_length))
    return in_turns(chosen, system_prompt)
