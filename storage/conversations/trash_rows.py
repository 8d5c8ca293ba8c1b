"""Rows of the trash tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ..clock import stamp
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from ..records import Trashed

KEPT = timedelta(days=30)
"""Time within which a deletion can be undone."""


@in_sentences
class TrashRows:
    """Rows of the trash tables."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def row_id(self, token: int, place: str) -> str:
        row = self.db.one(
            "select thing from trash_rows where token = :token and place = :place", token=token, place=place
        )
        assert row is not None
        thing: str = row["thing"]
        return thing

    def oldest_restorable(self) -> str:
        """Return the time of the earliest deletion that can be undone; older ones may be partly purged."""
        return stamp(self.db.now() - KEPT)

    def entry(self, token: int) -> Trashed:
        row = self.db.one(
            """select token, sessions, messages, title, case
                when labels is null then kind
                when exists (select 1 from json_each(labels) as j where json_type(j.value, '$.settings') = 'object')
                    then 'settings'
                else 'labels'
            end as kind
            from trash where token = :token""",
            token=token,
        )
        if row is None:
            raise NotFound("That deletion can not be undone any more.")
        return Trashed(**dict(row))

    def add_entry(self, kind: str, title: str, sessions: int, messages: int, *, indexed: bool) -> int:
        row = self.db.one(
            """insert into trash (at, kind, title, sessions, messages, indexed)
            values (:at, :kind, :title, :sessions, :messages, :indexed) returning token""",
            at=self.db.stamp(), kind=kind, title=title, sessions=sessions, messages=messages, indexed=indexed,
        )  # fmt: skip
        assert row is not None
        token: int = row["token"]
        return token

    def expire(self, token: int) -> None:
        """Let nobody undo a deletion any more; its rows go when the trash is emptied."""
        self.db.execute("update trash set at = '' where token = :token", {"token": token})

    def copy(self, token: int, place: str, where: str, value: str = "") -> None:
        """Copy rows of a table into the trash."""
        names = [row["name"] for row in self.db.rows("select name from pragma_table_info(:place)", place=place)]
        pairs = ", ".join(f"'{name}', {name}" for name in names)
        thing = "id" if "id" in names else "session_id"
        self.db.execute(
            f"""insert into trash_rows (token, place, thing, content)
            select :token, '{place}', {thing}, json_object({pairs}) from {place} where {where}""",
            {"token": token, "value": value},
        )

    def stored(self, token: int, place: str) -> Iterator[dict[str, Any]]:
        rows = self.db.execute(
            "select content from trash_rows where token = :token and place = :place order by row_id",
            {"token": token, "place": place},
        )
        return (json.loads(row["content"]) for row in rows)

    def put_back(self, token: int, place: str) -> None:
        # another terminal that had it open may have kept a newer draft since
        self.db.insert_many(place, self.stored(token, place), known="or ignore" if place == "drafts" else "")

    def add(self, token: int, place: str, thing: str, content: dict[str, Any]) -> None:
        self.db.execute(
            "insert into trash_rows (token, place, thing, content) values (:token, :place, :thing, :content)",
            {"token": token, "place": place, "thing": thing, "content": json.dumps(content)},
        )
