"""Whether a question was asked before."""

from __future__ import annotations

from sterna.providers.embedding import embed
from sterna.storage import Earlier, Message, StoreThread, Visits


async def asked_before(store: StoreThread, asked: Message, visit: str | None = None) -> list[Earlier]:
    """Earlier questions in nearly the same words, best first; ``asked`` is noted, in that visit, for the next time.

    Found on this computer by the words alone (providers/embedding.py). Raises StoreError.
    """
    return await store.run(Visits.log_question, asked, visit, embed)
