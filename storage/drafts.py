"""What was typed and not sent, what was sent before, and the small state of the screen."""

from __future__ import annotations

from typing import Any

from .database import Base
from .json_text import from_json, to_json
from .text import storable

HISTORY_LENGTH = 20_000
"""A prompt longer than this is a pasted document: not worth calling back by a key."""


class Drafts(Base):
    """Kept across restarts, never sent anywhere."""

    def draft(self, session_id: str | None) -> str:
        """The unsent text of a conversation; of the one that is not made yet for None."""
        row = self.one("select content from drafts where session_id = :id", id=session_id or "")
        return row["content"] if row else ""

    def save_draft(self, session_id: str | None, text: str) -> None:
        """Keep an unsent text; an empty one is forgotten."""
        if storable(text) == self.draft(session_id):
            return
        with self.write():
            if text:
                self.db.execute(
                    """insert into drafts (session_id, content, updated_at) values (:id, :content, :now)
                    on conflict (session_id) do update set
                        content = excluded.content, updated_at = excluded.updated_at""",
                    {"id": session_id or "", "content": storable(text), "now": self.stamp()},
                )
            else:
                self.db.execute("delete from drafts where session_id = :id", {"id": session_id or ""})

    def prompt_history(self, limit: int = 200, *, before: str | None = None) -> list[str]:
        """Prompts of all conversations, newest first, each once; with ``before``, a time, only older ones."""
        rows = self.db.execute(
            """select content from chat_messages
            where role = 'user' and message_timestamp < :before and length(content) <= :length
            order by message_timestamp desc limit :scan""",
            {"before": before or "\x7f", "length": HISTORY_LENGTH, "scan": limit * 5},
        )
        found: dict[str, None] = {}
        for row in rows:
            found.setdefault(row["content"])
            if len(found) >= limit:
                break
        return list(found)

    def get_local(self, key: str) -> Any:
        """A piece of the screen's state that :meth:`set_local` kept; None when there is none."""
        row = self.one("select value from local_state where key = :key", key=key)
        return from_json(row["value"]) if row else None

    def set_local(self, key: str, value: Any) -> None:
        """Keep a piece of the screen's state (anything JSON can say); None forgets it. Nothing while read-only."""
        if self.read_only is not None or value == self.get_local(key):
            return
        with self.write():
            if value is None:
                self.db.execute("delete from local_state where key = :key", {"key": key})
            else:
                self.db.execute(
                    """insert into local_state (key, value) values (:key, :value)
                    on conflict (key) do update set value = excluded.value""",
                    {"key": key, "value": to_json(value)},
                )
