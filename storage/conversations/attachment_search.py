"""Search for messages by the names of what is attached to them."""

from __future__ import annotations

import json
import sqlite3

from ..database.connection import Database, readable
from ..json_text import to_json
from .origins import Condition
from .search_snippets import folded

SCANNED = 20_000
"""Number of attachments, of the newest messages, whose names are read."""


def has_all(words: str, name: bytes | str) -> bool:
    """Return whether a name has all of these words, a folded JSON array. Bytes from SQL may be no UTF-8."""
    plain = folded(name if isinstance(name, str) else readable(name))
    return all(word in plain for word in json.loads(words))


def attachments_named(
    db: Database, words: tuple[str, ...], limit: int, session_id: str | None, extra: Condition
) -> list[sqlite3.Row]:
    """Return attachments whose name has all of these words, those of the newest messages first."""
    db.create_function("has_all", 2, has_all, deterministic=True)
    return db.rows(
        f"""select m.id as message_id, m.session_id, m.role, m.message_timestamp as at, s.title, a.name as snippet
        from (
            select message_id, position, name from message_attachments
            order by message_id desc, position limit :scanned
        ) as a
        join chat_messages as m on m.id = a.message_id
        join chat_sessions as s on s.id = m.session_id
        where (:session is null or m.session_id = :session) and has_all(:words, cast(a.name as blob))
            and {extra.sql or "true"}
        order by m.message_timestamp desc, m.id desc, a.position limit :limit""",
        words=to_json([folded(word) for word in words]), session=session_id, scanned=SCANNED, limit=limit,
        **extra.values,
    )  # fmt: skip
