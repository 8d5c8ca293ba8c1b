"""Summary of the beginning of a conversation that no longer fits into a request, made by the model that replies.

It is a setting of the conversation: a person can change it, and it is sent until more has to be left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sterna.providers import ChatMessage, ProviderError, Request
from sterna.storage import Conversations, Message, StoreThread

from .context import OVERHEAD, select_messages
from .estimates import CHARACTERS_PER_TOKEN, estimate_tokens
from .reply import Reply
from .reply_events import receive

if TYPE_CHECKING:
    from sterna.providers import Provider

SETTING = "summary"
SECONDS = 120.0
"""Seconds after which a model has given no summary."""
KEPT_SHARE = 0.5
"""Share of a request that is left to messages when a summary is made, so that it is of use for some turns."""
MOST_TOKENS = 1_500
MOST_PARTS = 8
"""Requests for one summary; what is older than they take is left out."""
INSTRUCTIONS = (
    "Summarise the conversation that you are given, so that it can be continued from your summary alone: what the user "
    "wants, decisions, facts, names, numbers and open questions, code only where it is still needed. Use the language "
    "of the conversation and at most 400 words. Reply with the summary alone."
)


class Summary(NamedTuple):
    """Summary of the messages of a conversation up to one of them."""

    text: str
    last_id: str
    """Message up to which it goes."""
    messages: int
    """Messages that it stands for."""

    @classmethod
    def of(cls, value: object) -> Summary | None:
        """Return what a setting says, which may come from another device; None for anything else."""
        if not isinstance(value, Mapping):
            return None
        text, last_id, count = (value.get(name) for name in ("text", "last_id", "messages"))
        if not isinstance(text, str) or not text.strip() or not isinstance(last_id, str):
            return None
        return cls(text, last_id, count if isinstance(count, int) and not isinstance(count, bool) else 0)

    def as_json(self) -> dict[str, Any]:
        """Return the value of the setting."""
        return self._asdict()

    @property
    def prompt(self) -> str:
        """Text for the model, to be sent before the messages that it does not stand for."""
        return f"Summary of the earlier part of this conversation:\n\n{self.text.strip()}"


class Used(NamedTuple):
    """Tokens of the requests for a summary, and their cost as the provider stated it."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def plus(self, reply: Reply) -> Used:
        """Return the sum with one more request."""
        cost = float(reply.details.get("cost") or 0.0)
        return Used(self.input_tokens + reply.input_tokens, self.output_tokens + reply.output_tokens, self.cost + cost)


class Fitted(NamedTuple):
    """Messages of a request, and the summary of those before them."""

    selected: list[Message]
    summary: Summary
    used: Used | None = None
    """What making the summary took; None: it was there already."""


def later(newest_first: Sequence[Message], summary: Summary) -> list[Message] | None:
    """Return the messages after those of the summary, newest first; None where its last one is not among them."""
    index = next((number for number, message in enumerate(newest_first) if message.id == summary.last_id), None)
    return None if index is None else list(newest_first[:index])


def with_known(newest_first: Sequence[Message], summary: Summary | None, system: str, budget: int) -> Fitted | None:
    """Return a request with the summary that is there; None where it is not enough."""
    after = later(newest_first, summary) if summary is not None else None
    if summary is None or not after:
        return None
    prompt = f"{system}\n\n{summary.prompt}"
    selected, is_full = select_messages(after, system_prompt=prompt, budget=budget)
    return None if is_full else Fitted(selected, summary)


async def summarised(
    store: StoreThread,
    provider: Provider,
    model: str,
    session_id: str,
    newest_first: Sequence[Message],
    known: Summary | None,
    system: str,
    budget: int,
) -> Fitted | None:
    """Return a request with a summary, which is made and stored if need be; None where the model gives none.

    Raises StoreError.
    """
    if (fitted := with_known(newest_first, known, system, budget)) is not None:
        return fitted
    after = later(newest_first, known) if known is not None else None
    if after is None:
        known, after = None, list(newest_first)
    room = round(budget * KEPT_SHARE)
    selected, _ = select_messages(after, system_prompt=system, budget=room)
    if not selected:
        return None
    older = after[next(n for n, message in enumerate(after) if message.id == selected[-1].id) + 1 :]
    older = [message for message in older if message.content and not (message.failed and message.role == "user")]
    if not older:
        return None
    text, used = await _ask(provider, model, known.text if known is not None else "", older[::-1], budget)
    if not text:
        return None
    summary = Summary(text, older[0].id, len(older) + (known.messages if known is not None else 0))
    await store.run(Conversations.set_setting, session_id, SETTING, summary.as_json())
    return Fitted(selected, summary, used)


async def _ask(
    provider: Provider, model: str, before: str, messages: Sequence[Message], budget: int
) -> tuple[str, Used]:
    """Return a summary of ``before`` and of the messages, in as many requests as they need; empty on a failure."""
    text, used = before, Used()
    for part in _parts(messages, max(200, budget * 3 // 5)):
        content = f"Summary so far:\n{text}\n\nWhat follows:\n{part}" if text else part
        request = Request(
            model, (ChatMessage("system", INSTRUCTIONS), ChatMessage("user", content)), max_tokens=MOST_TOKENS
        )
        reply = Reply("", "", "", model, time.monotonic())
        try:
            async with asyncio.timeout(SECONDS):
                await receive(reply, provider, request, time.monotonic)
        except (ProviderError, TimeoutError):
            return "", used
        finally:
            reply.close()
        used = used.plus(reply)
        if reply.finish != "done" or not reply.content.strip():
            return "", used
        text = reply.content.strip()
    return text, used


def _parts(messages: Sequence[Message], budget: int) -> list[str]:
    """Return the messages as text, in parts of at most ``budget`` tokens; a long message is cut."""
    parts: list[list[str]] = [[]]
    left = budget
    for message in messages:
        line = f"{message.role}: {message.content}"[: budget * CHARACTERS_PER_TOKEN // 2]
        if (size := estimate_tokens(line) + OVERHEAD) > left and parts[-1]:
            parts.append([])
            left = budget
        parts[-1].append(line)
        left -= size
    return ["\n\n".join(part) for part in parts[-MOST_PARTS:] if part]
