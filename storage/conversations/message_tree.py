"""The tree of a conversation's messages, as a function of its rows.

Parents come before their children in the order ``(message_timestamp, id)``; see ``storage/schema/33_branches.sql``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

ROOT = ""
"""Parent of a message that begins a conversation."""


class MessageTree(NamedTuple):
    """Messages of one conversation, oldest first."""

    parents: dict[str, str]
    """Message → its parent, or :data:`ROOT`."""
    trunk_end: str
    """The last message without a ``parent_id`` of its own; empty where there is none."""

    @classmethod
    def of(cls, ids: Iterable[str], named: Mapping[str, str]) -> MessageTree:
        """Return the tree of messages in order; ``named`` has the parents that messages name themselves."""
        return cls.of_rows((id_, named.get(id_)) for id_ in ids)

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[str, str | None]]) -> MessageTree:
        """Return the tree of messages in order, each with the parent that it names itself."""
        parents: dict[str, str] = {}
        trunk_end = ROOT
        for id_, parent in rows:
            if parent is None or (parent and parent not in parents):
                parents[id_], trunk_end = trunk_end, id_
            else:
                parents[id_] = parent
        return cls(parents, trunk_end)

    def newest_beneath(self, message_id: str | None) -> str:
        """Return the newest message beneath one, or itself; of all messages where that one is missing."""
        if message_id is None or message_id not in self.parents:
            return next(reversed(self.parents), ROOT)
        beneath = {message_id}
        newest = message_id
        for id_, parent in self.parents.items():
            if parent in beneath:
                beneath.add(id_)
                newest = id_
        return newest

    def path(self, message_id: str) -> list[str]:
        """Return a message and those that it follows, the newest first."""
        result = []
        while message_id:
            result.append(message_id)
            message_id = self.parents[message_id]
        return result
