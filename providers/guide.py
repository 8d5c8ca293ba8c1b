"""Built-in guide: a provider without network, key and language model.

It makes the first minute work on a computer with nothing installed. It answers from Sterna's help, and from the user's
history if they ask about an earlier conversation.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

from .events import (
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    HistoryQuote,
    HistoryQuotes,
    Model,
    Provider,
    Request,
)

if TYPE_CHECKING:
    from .guide_answers import HelpText, History

NAME = "guide"
PACE = 0.006
"""Seconds between words, so that the answer appears to be written."""
MAX_PACING = 0.7
"""Most seconds that the pacing of one answer takes."""


def guide(
    help_text: HelpText, history: History, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Provider:
    """Return the guide as a provider; its model is ``guide/guide``."""
    return Guide(help_text, history, sleep)


class Guide:
    """Provider with one model, ``guide/guide``."""

    takes_images = False
    """The built-in guide reads text only."""
    takes_tools = False

    def __init__(self, help_text: HelpText, history: History, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.name = NAME
        self._help_text = help_text
        self._history = history
        self._sleep = sleep

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the answer to the last message, word by word."""
        from .guide_answers import HistoryError, answer  # topics and patterns, which no other provider needs

        questions = (message.content for message in reversed(request.messages) if message.role == "user")
        question = next(questions, "")
        try:
            found = await answer(question[:2000], self._help_text, self._history)
        except HistoryError as error:
            yield Failed(
                FailureKind.SERVER, str(error) or "Your history cannot be searched right now. Retry in a moment."
            )
            return
        if found.hits:
            yield HistoryQuotes(
                tuple(
                    HistoryQuote(hit.session_id, hit.message_id, hit.title, hit.when.isoformat()) for hit in found.hits
                )
            )
        words = re.findall(r"\s*\S+|\s+$", found.text)
        pause = min(PACE, MAX_PACING / max(len(words), 1))
        for word in words:
            yield Delta(word)
            await self._sleep(pause)
        yield Done("stop", model=f"{NAME}/{NAME}")

    async def models(self) -> list[Model]:
        """Return the only model."""
        return [Model(NAME, NAME, "Built-in guide (offline, not a language model)")]

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""
