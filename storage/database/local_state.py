"""State of the screen that stays on this device."""

from __future__ import annotations

from typing import Any

from ..json_text import from_json, to_json
from .connection import Database
from .sqlite_errors import in_sentences


@in_sentences
class LocalState:
    """State of the screen that stays on this device."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def get(self, key: str) -> Any:
        """Return a piece of the screen's state that :meth:`set` stored; None when there is none."""
        row = self.db.one("select value from local_state where key = :key", key=key)
        return from_json(row["value"]) if row else None

    def beginning_with(self, prefix: str) -> dict[str, Any]:
        """Return all pieces whose keys begin so."""
        found = self.db.rows(
            "select key, value from local_state where key >= :prefix and key < :end",
            prefix=prefix,
            end=prefix + "\U0010ffff",
        )
        return {row["key"]: from_json(row["value"]) for row in found}

    def set(self, key: str, value: Any) -> None:
        """Keep a piece of the screen's state (anything JSON can say); None forgets it. Nothing while read-only."""
        if self.db.read_only is not None or value == self.get(key):
            return
        with self.db.write():
            if value is None:
                self.db.execute("delete from local_state where key = :key", {"key": key})
            else:
                self.db.execute(
                    """insert into local_state (key, value) values (:key, :value)
                    on conflict (key) do update set value = excluded.value""",
                    {"key": key, "value": to_json(value)},
                )
