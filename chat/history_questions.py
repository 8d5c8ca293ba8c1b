"""Questions to the history: the passages that may answer them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from sterna.providers.guide_topics import RECALL, content_words
from sterna.storage import Hit, MeaningQuery, StoreError, StoreThread
from sterna.storage.conversations.passages import CANDIDATES, MOST_CHARACTERS, Passages
from sterna.storage.conversations.quotations import Passage

from .context import input_budget
from .estimates import CHARACTERS_PER_TOKEN
from .tools import TOOLS

QUESTION_SETTINGS: Mapping[str, Any] = {TOOLS: []}
"""Settings of the conversation of such a question: no tool is offered, for a text in a passage could ask for a call."""
LEAST_PART = 1 / 3
"""Part of the best similarity below which a message is not sent for its meaning: it hardly has to do with it."""


class FindMeaning(Protocol):
    """Search by meaning."""

    async def __call__(self, query: MeaningQuery) -> list[Hit]:
        """Return messages with the meaning of a text, best first. Raises StoreError where it cannot be searched."""
        ...


async def find_passages(
    store: StoreThread,
    question: str,
    *,
    context_length: int | None = None,
    include_private: bool = False,
    meaning: FindMeaning | None = None,
) -> list[Passage]:
    """Return the passages to send with a question to a model of that context length, best first. Raises StoreError.

    With ``meaning`` those count, too, that say it in other words.
    """
    room = min(MOST_CHARACTERS, input_budget(context_length) * CHARACTERS_PER_TOKEN // 2)
    words = " ".join(content_words(question)) or question
    also: list[Hit] = []
    if meaning is not None:
        with suppress(StoreError):  # what is found by words is enough to go on
            also = await meaning(MeaningQuery(words, CANDIDATES))
    least = LEAST_PART * max((hit.similarity or 0.0 for hit in also), default=0.0)
    also = [hit for hit in also if hit.similarity is None or hit.similarity >= least]
    return await store.run(Passages.find, words, characters=room, include_private=include_private, also=also)


def guide_question(question: str) -> str:
    """Return a question to the history as the built-in guide understands it, which finds passages by itself."""
    return question if RECALL.search(question) else f"Find in my history: {question}"
