"""Read access to replies that are arriving."""

from __future__ import annotations

import sqlite3

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import json_object
from ..records import LiveReply
from .process_locks import ProcessLock

COLUMNS = """id, session_id, user_message_id, model, message_timestamp, content, reasoning, owner, parent_id,
    continues, metadata, waiting"""


@in_sentences
class ArrivingReplies:
    """Rows of replies that are not messages yet."""

    def __init__(self, db: Database, process_lock: ProcessLock) -> None:
        self.db = db
        self._process_lock = process_lock

    def exist(self) -> bool:
        """Return whether replies are arriving, or were when their process died."""
        return self.db.one("select 1 from live_replies limit 1") is not None

    def of(self, session_id: str | None = None) -> list[LiveReply]:
        """Return the replies that are arriving, in this process or in another, of one conversation or of all."""
        rows = self.db.rows(
            f"""select {COLUMNS} from live_replies where session_id = coalesce(:id, session_id)
            order by message_timestamp, id""",
            id=session_id,
        )
        return [self._record(row) for row in rows]

    def _record(self, row: sqlite3.Row) -> LiveReply:
        values = {name: row[name] for name in LiveReply._fields if name != "mine"}
        values["metadata"] = json_object(row["metadata"])
        name = self._process_lock.name
        return LiveReply(**values, mine=bool(name) and row["owner"] == name)
