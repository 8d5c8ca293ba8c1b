"""Conversations that another device removed: kept in the trash here, so that the person is told and can undo it."""

from __future__ import annotations

import json
from typing import Literal

from ..conversations.trash import PLACES, Trash
from ..json_text import to_json
from ..records import Trashed

TOLD = "removals_told_"
"""Newest removal that was told, on the screen or by a command, which each tell it once (``local_state``)."""


class SyncRemoved(Trash):
    """Removals by other devices."""

    def _keep_removed(self, session_id: str) -> None:
        """Copy a conversation that is about to go into the trash. What one write removes is one deletion to undo."""
        session = self.get_session(session_id)
        row = self.one("select token from trash where elsewhere = 1 and at = :at", at=self.stamp())
        if row is None:
            token = self._bin("session", session.title, 0, 0, indexed=False)
            self.db.execute("update trash set elsewhere = 1 where token = :token", {"token": token})
        else:
            token = row["token"]
        self.db.execute(
            "update trash set sessions = sessions + 1, messages = messages + :messages where token = :token",
            {"token": token, "messages": self.message_count(session_id)},
        )
        for place, column in PLACES.items():
            self._keep(token, place, f"{column} = :value", session_id)

    def take_removals(self, teller: Literal["screen", "command"]) -> list[Trashed]:
        """Return what other devices removed since this teller asked last, oldest first, as far as it can be undone."""
        key = TOLD + teller
        state = self.one("select value from local_state where key = :key", key=key)
        told = json.loads(state["value"]) if state else 0
        rows = self.rows(
            """select token, sessions, messages, title from trash
            where elsewhere = 1 and token > :told and at >= :oldest order by token""",
            told=told, oldest=self._oldest(),
        )  # fmt: skip
        if rows:
            with self.write():
                self.db.execute(
                    """insert into local_state (key, value) values (:key, :value)
                    on conflict (key) do update set value = excluded.value""",
                    {"key": key, "value": to_json(rows[-1]["token"])},
                )
        return [Trashed(**dict(row)) for row in rows]
