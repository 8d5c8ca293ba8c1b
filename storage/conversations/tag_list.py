"""Tags that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .tags import TAG, TAG_END

_IS_TAG = f"s.key >= '{TAG}' and s.key < '{TAG_END}' and s.value not in ('false', 'null')"


@dataclass(frozen=True, slots=True)
class Tag:
    """Tag, without ``#``, and how many conversations have it."""

    name: str
    conversations: int


@in_sentences
class Tags:
    """Tags with the conversations that have them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def all(self) -> list[Tag]:
        """Return every tag with the number of conversations that have it, by name."""
        rows = self.db.rows(
            f"""select substr(s.key, 5) as name, count(*) as n from session_settings as s
            where {_IS_TAG} group by s.key order by s.key"""
        )
        return [Tag(row["name"], row["n"]) for row in rows]

    def of(self, session_ids: Sequence[str]) -> list[Tag]:
        """Return the tags of these conversations with how many of them have each, by name."""
        rows = self.db.rows(
            f"""select substr(s.key, 5) as name, count(*) as n
            from json_each(:ids) as j join session_settings as s on s.session_id = j.value
            where {_IS_TAG} group by s.key order by s.key""",
            ids=to_json(list(session_ids)),
        )
        return [Tag(row["name"], row["n"]) for row in rows]
