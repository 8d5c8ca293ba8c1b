"""What other programs can ask of the history. Nothing here writes to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sterna.chat.meaning.ways import Way
from sterna.storage import HistoryReader, Hit, Invalid, Message, NotFound, clean, one_line
from sterna.storage.conversations.tool_calls import tool_calls, with_tool_calls

from ..context import find_conversation
from ..history import MATCH_MARKS, all_messages

MOST_HITS = 50
MOST_LISTED = 200
MOST_CHARACTERS = 100_000
"""Characters of one answer."""

Open = Callable[[], AbstractContextManager[HistoryReader]]


class Find(Protocol):
    """Search of a command, by words and by meaning."""

    def search(
        self, history: HistoryReader, text: str, *, limit: int, session_id: str | None = None, way: Way = "both"
    ) -> Sequence[Hit]:
        """Return messages and titles."""
        ...

    def related(self, history: HistoryReader, session_id: str, limit: int) -> Sequence[Hit]:
        """Return other conversations about the same."""
        ...


class HistoryTools:
    """Search, list, read and related. Each call opens the history, so that it sees what was just said."""

    def __init__(self, open_history: Open, find: Find, *, include_private: bool = False) -> None:
        self._open = open_history
        self._find_hits = find
        self._include_private = include_private

    def search(self, query: str, limit: int, by: Way = "both") -> list[dict[str, Any]]:
        """Return the messages and titles with all the words, newest first, then those of that meaning.

        Raises Invalid for a condition that means nothing.
        """
        with self._open() as store:
            if problem := store.search_problems.of_search(query):
                raise Invalid(problem)
            hits = self._find_hits.search(store, query, limit=min(max(limit, 1), MOST_HITS), way=by)
            hidden = self._hidden(store, [hit.session_id for hit in hits])
            return [
                {
                    "conversation": hit.session_id,
                    "title": clean(hit.session_title),
                    "message": hit.message_id,
                    "role": hit.role,
                    "at": hit.at,
                    "excerpt": clean(hit.snippet.translate(MATCH_MARKS)),
                    "found_by": hit.why,
                }
                for hit in hits
                if hit.session_id not in hidden
            ]

    def conversations(self, only: str, limit: int, offset: int) -> list[dict[str, Any]]:
        """Return conversations, newest first; ``only`` is a filter as in the list of the chat.

        Raises Invalid where nothing is found because of a condition that means nothing.
        """
        with self._open() as store:
            page = store.conversations.page(max(offset, 0), min(max(limit, 1), MOST_LISTED), only)
            if not page and (problem := store.search_problems.of_filter(only)):
                raise Invalid(problem)
            return [
                {
                    "conversation": row.id,
                    "title": clean(row.title),
                    "at": row.at,
                    "model": row.model,
                    "preview": clean(row.preview),
                    "tags": list(row.tags),
                }
                for row in page
                if self._include_private or not row.private
            ]

    def read(self, conversation: str, start: int, limit: int) -> dict[str, Any]:
        """Return messages of the shown branch from position ``start``. Raises NotFound."""
        with self._open() as store:
            session_id = self._find(store, conversation)
            session = store.conversations.get(session_id)
            messages: list[dict[str, Any]] = []
            size = 0
            following: int | None = None
            for position, message in enumerate(all_messages(store, session_id)):
                if position < start:
                    continue
                if len(messages) >= max(limit, 1) or size >= MOST_CHARACTERS:
                    following = position
                    break
                messages.append(_message(message, position))
                size += len(messages[-1]["text"])
            return {
                "conversation": session_id,
                "title": clean(session.title),
                "created_at": session.created_at,
                "messages": messages,
                "next_start": following,
            }

    def related(self, conversation: str, limit: int) -> list[dict[str, Any]]:
        """Return other conversations about the same, best first. Raises NotFound."""
        with self._open() as store:
            session_id = self._find(store, conversation)
            hits = self._find_hits.related(store, session_id, MOST_HITS)
            hidden = self._hidden(store, [hit.session_id for hit in hits])
            return [
                {
                    "conversation": hit.session_id,
                    "title": clean(hit.session_title),
                    "at": hit.at,
                    "excerpt": clean(hit.snippet.translate(MATCH_MARKS)),
                }
                for hit in hits
                if hit.session_id not in hidden
            ][: min(max(limit, 1), MOST_HITS)]

    def _find(self, store: HistoryReader, conversation: str) -> str:
        """Return the id of a conversation. Raises NotFound, for a hidden one with the same words as for none."""
        try:
            session_id = find_conversation(store, conversation)
            is_hidden = bool(self._hidden(store, [session_id]))
        except NotFound:
            is_hidden = True
        if is_hidden:
            raise NotFound(
                f"There is no conversation {one_line(conversation, 60)}, or its beginning is not enough to tell it from"
                " others. list_conversations lists the ids, and search finds them."
            )
        return session_id

    def _hidden(self, store: HistoryReader, ids: list[str]) -> set[str]:
        return set() if self._include_private else store.conversations.private_of(ids)


def _message(message: Message, position: int) -> dict[str, Any]:
    pieces = with_tool_calls(message.content, tool_calls(message.metadata))
    text = "\n\n".join(part if isinstance(part, str) else f"[{part.name}: {part.subject}]" for part in pieces)
    return {
        "position": position,
        "message": message.id,
        "role": message.role,
        "at": message.message_timestamp,
        "model": message.model,
        "text": clean(text[:MOST_CHARACTERS]),
    }
