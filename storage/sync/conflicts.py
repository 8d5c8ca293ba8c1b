"""Conflicts: texts of this device that another value replaced, listed, compared and used again."""

from __future__ import annotations

import json
from typing import Any

from ..conversations.conversations import Conversations
from ..conversations.messages import Messages
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import to_json
from .records import Conflict

PROMPT = "system_prompt"
"""The one setting that is written and not chosen."""


@in_sentences
class Conflicts:
    """The conflict log."""

    def __init__(self, db: Database, conversations: Conversations, messages: Messages) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages

    def list_open(self, limit: int = 100) -> list[Conflict]:
        """Return conflicts, newest first."""
        rows = self.db.rows(
            """select id, at, what, ref, value from sync_conflict where dismissed = 0
            order by id desc limit :limit""",
            limit=limit,
        )
        return [self._conflict(dict(row)) for row in rows]

    def use(self, conflict_id: int) -> None:
        """Write a filed value as a new edit; the one that it replaces is filed. Raises when its thing is gone."""
        with self.db.write():
            row = self.db.one(
                "select id, at, what, ref, value from sync_conflict where id = :id and dismissed = 0", id=conflict_id
            )
            if row is None:
                raise NotFound("That is settled already.")
            result = self._conflict(dict(row))
            if result.theirs is None and result.kind != "s":
                raise Invalid("It was deleted meanwhile. Its text can still be copied from here.")
            self.dismiss(conflict_id)
            if result.theirs is not None and result.theirs != result.mine:
                self.record(result.kind, result.thing, result.session_id, result.theirs, result.at)
            if result.kind == "c":
                self._conversations.rename(result.thing, result.mine)
            elif result.kind == "m":
                self._messages.edit(result.thing, result.mine)
            else:
                self._conversations.set_setting(
                    result.session_id, result.thing[len(result.session_id) + 1 :], result.mine
                )

    def dismiss(self, conflict_id: int) -> None:
        """Let a filed value go."""
        with self.db.write():
            self.db.execute("update sync_conflict set dismissed = 1 where id = :id", {"id": conflict_id})

    def record(self, kind: str, thing: str, session_id: str, mine: str, now_ms: int) -> None:
        """Keep a value that lost, once."""
        known = self.db.one("select title from chat_sessions where id = :id", id=session_id)
        value = to_json({"mine": mine, "session": session_id, "title": known["title"] if known else ""})
        self.db.execute(
            """insert into sync_conflict (at, what, ref, value)
            select :at, :what, :ref, :value
            where not exists (
                select 1 from sync_conflict
                where ref = :ref and what = :what and dismissed = 0
                    and json_extract(value, '$.mine') = json_extract(:value, '$.mine'))""",
            {"at": now_ms, "what": kind, "ref": thing, "value": value},
        )

    def record_setting(self, id_: str, session_id: str, value: str | None, now_ms: int) -> None:
        if value is not None and id_ == f"{session_id}/{PROMPT}":
            result = json.loads(value)
            if isinstance(result, str) and result.strip():
                self.record("s", id_, session_id, result, now_ms)

    def record_prompt(self, session_id: str, now_ms: int) -> None:
        """Record a system prompt that waits to be sent while its conversation is deleted elsewhere."""
        row = self.db.one(
            """select s.value from session_settings as s
            join sync_outbox as o on o.kind = 's' and o.id = s.session_id || '/' || s.key
            where s.session_id = :id and s.key = :key""",
            id=session_id, key=PROMPT,
        )  # fmt: skip
        self.record_setting(f"{session_id}/{PROMPT}", session_id, row["value"] if row else None, now_ms)

    def _conflict(self, row: dict[str, Any]) -> Conflict:
        filed = json.loads(row["value"])
        session_id = filed["session"]
        there = self.db.one("select title from chat_sessions where id = :id", id=session_id)
        return Conflict(
            id=row["id"],
            at=row["at"],
            kind=row["what"],
            thing=row["ref"],
            session_id=session_id,
            title=there["title"] if there else filed["title"],
            mine=filed["mine"],
            theirs=self._standing(row["what"], row["ref"], session_id),
        )

    def _standing(self, kind: str, thing: str, session_id: str) -> str | None:
        """Return the current value."""
        if kind == "c":
            row = self.db.one("select title as value from chat_sessions where id = :id", id=thing)
        elif kind == "m":
            row = self.db.one("select content as value from chat_messages where id = :id", id=thing)
        else:
            row = self.db.one(
                "select json_extract(value, '$') as value from session_settings where session_id = :id and key = :key",
                id=session_id, key=thing[len(session_id) + 1 :],
            )  # fmt: skip
        return None if row is None or row["value"] is None else str(row["value"])
