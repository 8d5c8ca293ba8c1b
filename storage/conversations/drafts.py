"""Unsent drafts, one a window and conversation; prompts sent before; the small state of the screen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, to_json
from ..records import Attachment, attachments_from, attachments_json
from ..text import storable
from .conversations import text_of
from .process_locks import ProcessLock, is_free
from .search import ASKED_LATELY
from .search_query import parse_query

HISTORY_LENGTH = 20_000
"""A prompt longer than this is a pasted document: not worth calling back by a key."""


@in_sentences
class Drafts:
    """Kept across restarts, never sent anywhere."""

    def __init__(self, db: Database, process_lock: ProcessLock) -> None:
        self.db = db
        self._process_lock = process_lock

    def get(self, session_id: str | None) -> str:
        """Return this window's unsent text of a conversation; of the one that is not made yet for None.

        Where it has none, it takes over the newest that a closed or crashed window left. Those of open windows stay
        with them.
        """
        row = self._row(session_id)
        return text_of(row["content"]) if row is not None else ""

    def attachments(self, session_id: str | None) -> tuple[Attachment, ...]:
        """Return what is attached to the draft that :meth:`get` returns."""
        row = self._row(session_id)
        return attachments_from(from_json(row["attachments"])) if row is not None else ()

    def _row(self, session_id: str | None) -> sqlite3.Row | None:
        every = "select owner, content, attachments from drafts where session_id = :id order by updated_at desc, owner"
        result = self.db.rows(every, id=session_id or "")
        mine = next((row for row in result if self._is_mine(row["owner"])), None)
        if mine is None and (left := next((row for row in result if self._is_left(row["owner"])), None)) is not None:
            if self.db.read_only is None and not self._take_over(session_id or "", left["owner"]):
                return self._row(session_id)  # another window was first
            mine = left
        return mine

    def unclaimed(self) -> int:
        """Return how many new conversations were begun in windows that are gone, and taken over by none."""
        rows = self.db.rows("select owner from drafts where session_id = ''")
        return sum(not self._is_mine(row["owner"]) and self._is_left(row["owner"]) for row in rows)

    def save(self, session_id: str | None, text: str, attachments: Sequence[Attachment] | None = None) -> None:
        """Keep this window's unsent text and what is attached to it; an empty draft is forgotten.

        ``attachments`` None leaves those that are attached.
        """
        values = {
            "id": session_id or "",
            "content": storable(text),
            "now": self.db.stamp(),
            "owner": self._process_lock.name,
        }
        row = self.db.one(
            "select content, attachments from drafts where session_id = :id and owner = :owner and :owner <> ''",
            id=values["id"], owner=values["owner"],
        )  # fmt: skip
        saved = (row["content"], row["attachments"]) if row else ("", "[]")
        values["attachments"] = saved[1] if attachments is None else to_json(attachments_json(attachments))
        if (values["content"], values["attachments"]) == saved:
            return
        self.db.require_writable()
        values["owner"] = self._process_lock.take()
        with self.db.write():
            if text or values["attachments"] != "[]":
                self.db.execute(
                    """insert into drafts (session_id, owner, content, attachments, updated_at)
                    values (:id, :owner, :content, :attachments, :now)
                    on conflict (session_id, owner) do update set content = excluded.content,
                        attachments = excluded.attachments, updated_at = excluded.updated_at""",
                    values,
                )
            else:
                self.db.execute(
                    "delete from drafts where session_id = :id and owner = :owner",
                    {"id": values["id"], "owner": values["owner"]},
                )

    def attach(self, session_id: str | None, attachments: Sequence[Attachment]) -> None:
        """Keep what is attached to this window's draft, whose text stays as it is."""
        row = self.db.one(
            "select content from drafts where session_id = :id and owner = :owner and :owner <> ''",
            id=session_id or "",
            owner=self._process_lock.name,
        )
        self.save(session_id, text_of(row["content"]) if row is not None else "", attachments)

    def _take_over(self, session_id: str, owner: str) -> bool:
        """Make the draft of a window that is gone this window's; False when another has done so."""
        with self.db.write():
            changed = self.db.execute(
                "update drafts set owner = :mine where session_id = :id and owner = :owner",
                {"mine": self._process_lock.take(), "id": session_id, "owner": owner},
            ).rowcount
        if owner and self.db.one("select 1 from drafts where owner = :owner", owner=owner) is None:
            with suppress(OSError):
                (self.db.path.parent / owner).unlink(missing_ok=True)
        return changed > 0

    def _is_mine(self, owner: str) -> bool:
        return bool(owner) and owner == self._process_lock.name

    def _is_left(self, owner: str) -> bool:
        return not owner or is_free(self.db.path.parent / owner)

    def prompt_history(self, limit: int = 200, *, before: str | None = None) -> list[str]:
        """Return prompts of all conversations, newest first, each once; only those older than the time ``before``."""
        rows = self.db.execute(
            """select content from chat_messages
            where role = 'user' and message_timestamp < :before and length(content) <= :length
            order by message_timestamp desc limit :scan""",
            {"before": before or "\x7f", "length": HISTORY_LENGTH, "scan": limit * 5},
        )
        result: dict[str, None] = {}
        for row in rows:
            result.setdefault(row["content"])
            if len(result) >= limit:
                break
        return list(result)

    def find_prompts(self, text: str, limit: int) -> list[str]:
        """Return prompts with the words of ``text``, newest first, each once, among the newest 200,000 messages."""
        query = parse_query(text)
        if not query.match:
            return []
        rows = self.db.rows(
            """select m.content from message_search as f join chat_messages as m on m.local_id = f.rowid
            where f.message_search match :match and m.role = 'user' and length(m.content) <= :length
                and f.rowid > (select coalesce(max(local_id), 0) from chat_messages) - :recent
            order by f.rowid desc limit :limit""",
            match=query.match, length=HISTORY_LENGTH, recent=ASKED_LATELY, limit=limit,
        )  # fmt: skip
        return list(dict.fromkeys(text_of(row["content"]) for row in rows))
