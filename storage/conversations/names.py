"""Names of conversations on a command line."""

from __future__ import annotations

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..text import storable

_NAMED = r"""
select id from chat_sessions
where id >= :name and substr(id, 1, length(:name)) = :name
    or id like 'conv\_%\_%' escape '\' and substr(id, 6 + instr(substr(id, 6), '_'), length(:name)) = :name
order by id <> :name, coalesce(last_message_timestamp, created_at) desc, id desc
limit :limit
"""


@in_sentences
class ConversationNames:
    """From names to conversations."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def matching(self, name: str, limit: int = 2) -> list[str]:
        """Return ids that begin with ``name``, or whose random part does (``k3f9`` for ``conv_1763700000000_k3f9…``).

        The conversation with exactly that id comes first, then the newest.
        """
        name = storable(name)  # an argument may be bytes that are no text
        return [row["id"] for row in self.db.rows(_NAMED, name=name, limit=limit)] if name else []

    def newest(self) -> str | None:
        """Return the conversation on top of the list."""
        row = self.db.one(
            "select id from chat_sessions order by coalesce(last_message_timestamp, created_at) desc, id desc limit 1"
        )
        return row["id"] if row else None
