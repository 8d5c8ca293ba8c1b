"""Changes of a conversation's settings that undo takes back: a persona, a system prompt, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from ..records import Trashed
from .conversations import Conversations
from .trash_rows import TrashRows

SETTINGS = "settings"
"""Name, in an entry of the trash, of the settings as they were; beside it stand only names of labels."""


@in_sentences
class SettingChanges:
    """Settings of conversations, changed as one step for undo."""

    def __init__(self, db: Database, conversations: Conversations, trash_rows: TrashRows) -> None:
        self.db = db
        self._conversations = conversations
        self._trash_rows = trash_rows

    def change(self, session_id: str, values: Mapping[str, Any]) -> Trashed | None:
        """Set several settings at once, None takes one away; return None when all are as wanted already."""
        with self.db.write():
            title = self._conversations.get(session_id).title
            now = self._conversations.settings(session_id)
            before = {key: now.get(key) for key, value in values.items() if now.get(key) != value}
            if not before:
                return None
            self._conversations.set_settings(session_id, values)
            token = self._trash_rows.add_entry("session", title, 1, 0, indexed=False)
            self.db.execute(
                "update trash set labels = :labels where token = :token",
                {"labels": to_json({session_id: {SETTINGS: before}}), "token": token},
            )
            return self._trash_rows.entry(token)

    def restore(self, before: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
        """Set what was set before a change, in those conversations that are still here; return their ids."""
        here = [
            session_id
            for session_id in before
            if self.db.one("select 1 from chat_sessions where id = :id", id=session_id) is not None
        ]
        for session_id in here:
            self._conversations.set_settings(session_id, before[session_id][SETTINGS])
        return here
