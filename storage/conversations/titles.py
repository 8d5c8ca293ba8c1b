"""Titles that a model gives."""

from __future__ import annotations

from dataclasses import dataclass

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..records import Conversation
from ..text import clip, title_text
from .conversations import TITLE_LENGTH, Conversations, title_of_question

MOST_READ = 2_000
"""Characters of the question and of the reply that a title is made from."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """First question and reply of a conversation, for a title."""

    question: str
    reply: str
    title: str
    """Title so far, made from the question."""


@in_sentences
class Titles:
    """Titles of conversations that nobody has named."""

    def __init__(self, db: Database, conversations: Conversations) -> None:
        self.db = db
        self._conversations = conversations

    def first_exchange(self, session_id: str) -> Exchange | None:
        """Return question and reply of a conversation that is to get a title from them.

        None where it has a title that is not made from its question, or another number of replies than one.
        """
        replies = self.db.rows(
            """select content from chat_messages
            where session_id = :id and role = 'assistant' and standing is not null limit 2""",
            id=session_id,
        )
        question = self.db.one(
            """select content from chat_messages where session_id = :id and role = 'user'
            order by message_timestamp, id limit 1""",
            id=session_id,
        )
        if len(replies) != 1 or question is None or not replies[0]["content"].strip():
            return None
        title = title_of_question(question["content"])
        if not self._is_automatic(session_id, title):
            return None
        return Exchange(question["content"][:MOST_READ], replies[0]["content"][:MOST_READ], title)

    def replace(self, session_id: str, before: str, title: str) -> Conversation | None:
        """Replace an automatic title by another; None where it is not that one any more, or the new one is empty."""
        title = clip(title_text(title), TITLE_LENGTH)
        with self.db.write():
            if not title.strip() or not self._is_automatic(session_id, before):
                return None
            self.db.execute(
                "update chat_sessions set title = :title where id = :id", {"title": title, "id": session_id}
            )
            self.db.touch(session_id)
            return self._conversations.get(session_id)

    def _is_automatic(self, session_id: str, title: str) -> bool:
        """Return whether a conversation has this title, and nobody has given it by hand."""
        row = self.db.one(
            """select 1 from chat_sessions where id = :id and title = :title
                and not exists (select 1 from sync_session_state where session_id = :id and title_class = 1)""",
            id=session_id, title=title,
        )  # fmt: skip
        return row is not None
