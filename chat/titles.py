"""Titles of conversations, made by a model from the first question and reply."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sterna.providers import Catalog, ChatMessage, ProviderError, Request
from sterna.storage import Conversation, Exchange, StoreError, StoreThread, Titles, one_line

from . import costs
from .reply import Reply
from .reply_events import receive

if TYPE_CHECKING:
    from sterna.config import Settings

log = logging.getLogger("sterna.chat")

TITLE_SECONDS = 20.0
"""Seconds after which a model has given no title."""
MOST_TOKENS = 1_000
"""Most tokens of its reply; a model that reasons uses some before the title."""
LONGEST = 80
"""Characters of a title."""
GUIDE = "guide"

INSTRUCTIONS = (
    "Write a title for the conversation that you are given: two to six words, in the language of the question, "
    "without quotation marks and without a full stop. Reply with the title alone."
)

_FRAME = " \t\"'`*_#“”„‘’«»"
_LABEL = re.compile(r"\Atitle\s*[:：]\s*", re.IGNORECASE)


async def title_by_model(
    store: StoreThread,
    catalog: Catalog,
    session_id: str,
    ref: str,
    settings: Settings,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Conversation | None:
    """Give a conversation a title by the model ``ref``; None where it keeps the one that it has.

    It is for conversations with one reply and a title made from their question. A failure changes nothing.
    """
    try:
        exchange = await store.run(Titles.first_exchange, session_id)
        if exchange is None:
            return None
        if await costs.refusal(store, catalog, settings, ref) is not None:
            return None
        title = await _ask(store, catalog, ref, exchange, monotonic)
        return await store.run(Titles.replace, session_id, exchange.title, title) if title else None
    except (ProviderError, StoreError, TimeoutError) as error:
        log.info("no title by a model: %s", type(error).__name__)
        return None


async def _ask(
    store: StoreThread, catalog: Catalog, ref: str, exchange: Exchange, monotonic: Callable[[], float]
) -> str:
    provider, model = catalog.resolve(ref)
    if provider.name == GUIDE:
        return ""
    reply = Reply("", "", "", ref, monotonic())
    text = f"Question:\n{exchange.question}\n\nReply:\n{exchange.reply}"
    messages = (ChatMessage("system", INSTRUCTIONS), ChatMessage("user", text))
    try:
        async with asyncio.timeout(TITLE_SECONDS):
            await receive(reply, provider, Request(model, messages, max_tokens=MOST_TOKENS), monotonic)
    finally:
        reply.close()
    await costs.count_other(store, reply, catalog)
    return title_of_reply(reply.content) if reply.finish == "done" else ""


def title_of_reply(text: str) -> str:
    """Return the title in a model's reply, on one line without quotation marks; empty where there is none."""
    line = next((line for line in text.strip().splitlines() if line.strip(_FRAME)), "")
    title = one_line(_LABEL.sub("", line.strip(_FRAME)).strip(_FRAME), LONGEST)
    return title[:-1] if title.endswith(".") and not title.endswith("..") else title
