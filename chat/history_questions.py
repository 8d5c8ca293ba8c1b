"""Questions to the history: the passages that may answer them."""

from __future__ import annotations

from sterna.providers.guide_topics import RECALL, content_words
from sterna.storage import StoreThread
from sterna.storage.conversations.passages import MOST_CHARACTERS, Passages
from sterna.storage.conversations.quotations import Passage

from .context import input_budget
from .estimates import CHARACTERS_PER_TOKEN


async def find_passages(
    store: StoreThread, question: str, *, context_length: int | None = None, include_private: bool = False
) -> list[Passage]:
    """Return the passages to send with a question to a model of that context length, best first. Raises StoreError."""
    room = min(MOST_CHARACTERS, input_budget(context_length) * CHARACTERS_PER_TOKEN // 2)
    words = " ".join(content_words(question)) or question
    return await store.run(Passages.find, words, characters=room, include_private=include_private)


def guide_question(question: str) -> str:
    """Return a question to the history as the built-in guide understands it, which finds passages by itself."""
    return question if RECALL.search(question) else f"Find in my history: {question}"
