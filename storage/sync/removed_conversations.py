"""Conversations that another device removed: kept in the trash here, so that the person sees it and can undo it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ..conversations.conversations import Conversations
from ..conversations.messages import Messages
from ..conversations.trash import PLACES
from ..conversations.trash_rows import TrashRows
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from ..records import Trashed

COMPLETE, GROWING = 1, 2
"""Values of ``trash.elsewhere``. Of a removal in parts, more is to come while it grows, also after a crash."""

_REPORTED = "removals_told_"
"""Newest removal that was reported, on the screen or by a command, which each report it once (``local_state``)."""


@in_sentences
class RemovedConversations:
    """Removals by other devices."""

    def __init__(self, db: Database, conversations: Conversations, messages: Messages, trash_rows: TrashRows) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._trash_rows = trash_rows
        self._state = COMPLETE

    @contextmanager
    def in_parts(self) -> Iterator[None]:
        """Let later writes add to what is removed here, until :meth:`complete`."""
        self._state = GROWING
        try:
            yield
        finally:
            self._state = COMPLETE

    def complete(self) -> None:
        """End a removal in parts: from now on it can be reported."""
        self.db.execute(
            "update trash set elsewhere = :complete where elsewhere = :growing",
            {"complete": COMPLETE, "growing": GROWING},
        )

    def keep(self, session_id: str) -> None:
        """Copy a conversation that is about to go into the trash. What one write removes is one deletion to undo."""
        session = self._conversations.get(session_id)
        row = self.db.one(
            """select token from trash where elsewhere = :growing or (elsewhere = 1 and at = :at)
            order by elsewhere desc limit 1""",
            growing=GROWING, at=self.db.stamp(),
        )  # fmt: skip
        if row is None:
            token = self._trash_rows.add_entry("session", session.title, 0, 0, indexed=False)
            self.db.execute(
                "update trash set elsewhere = :state where token = :token", {"state": self._state, "token": token}
            )
        else:
            token = row["token"]
        self.db.execute(
            "update trash set sessions = sessions + 1, messages = messages + :messages where token = :token",
            {"token": token, "messages": self._messages.count(session_id)},
        )
        for place, column in PLACES.items():
            self._trash_rows.copy(token, place, f"{column} = :value", session_id)

    def pop_unreported(self, reader: Literal["screen", "command"]) -> list[Trashed]:
        """Return what other devices removed since this reader asked last, oldest first, as far as it can be undone."""
        key = _REPORTED + reader
        state = self.db.one("select value from local_state where key = :key", key=key)
        result = json.loads(state["value"]) if state else 0
        rows = self.db.rows(
            """select token, sessions, messages, title, kind from trash
            where elsewhere = 1 and token > :reported and at >= :oldest order by token""",
            reported=result, oldest=self._trash_rows.oldest_restorable(),
        )  # fmt: skip
        if rows:
            with self.db.write():
                self.db.execute(
                    """insert into local_state (key, value) values (:key, :value)
                    on conflict (key) do update set value = excluded.value""",
                    {"key": key, "value": to_json(rows[-1]["token"])},
                )
        return [Trashed(**dict(row)) for row in rows]
