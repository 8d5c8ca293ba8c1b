"""Conversations about the same as another one."""

from __future__ import annotations

from .conversations import Conversations
from .messages import Messages
from .search import Search
from .search_hits import Hit

CANDIDATES = 60
"""Messages from which the conversations are taken, best first."""
WORDS = 400
"""Characters of the first question by which others are found, beside the title."""


class Related:
    """Related conversations, by the words of their titles and questions."""

    def __init__(self, conversations: Conversations, messages: Messages, search: Search) -> None:
        self._conversations = conversations
        self._messages = messages
        self._search = search

    def to(self, session_id: str, limit: int) -> list[Hit]:
        """Return for each related conversation its best message, the best first. Raises NotFound."""
        title = self._conversations.get(session_id).title
        beginning = self._messages.after(session_id, None, 4)
        question = next((each.content for each in beginning if each.role == "user"), "")
        hits: dict[str, Hit] = {}
        for hit in self._search.search_best(f"{title} {question[:WORDS]}", CANDIDATES):
            if hit.session_id != session_id:
                hits.setdefault(hit.session_id, hit)
        return list(hits.values())[:limit]
