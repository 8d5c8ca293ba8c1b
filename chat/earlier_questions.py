"""Earlier questions that resemble a new one."""

from __future__ import annotations

from sterna.providers.embedding import embed
from sterna.storage import Message, SimilarQuestion, StoreThread, Visits


async def similar_questions(store: StoreThread, question: Message, visit: str | None = None) -> list[SimilarQuestion]:
    """Return earlier questions in similar words, the best match first, and log ``question`` in ``visit``.

    They are compared on this computer, by their words only (:mod:`providers.embedding`). Raises StoreError.
    """
    return await store.run(Visits.log_question, question, visit, embed)
