"""Names under which this file pushes to its server."""

from __future__ import annotations

import json

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json

FORMER_REPLICAS = "sync_former_replicas"
MOST_FORMER = 8


@in_sentences
class Replicas:
    """The replica's name, and the names it had before."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def replicas(self) -> frozenset[str]:
        """Return names under which this file has pushed: its present one, and those before a fork."""
        row = self.db.one(
            """select s.replica, l.value from sync_state as s left join local_state as l on l.key = :key""",
            key=FORMER_REPLICAS,
        )
        assert row is not None
        return frozenset([row["replica"], *json.loads(row["value"] or "[]")]) - {""}

    def rename(self, new: str) -> None:
        former = sorted(self.replicas())[:MOST_FORMER]
        self.db.execute(
            """insert into local_state (key, value) values (:key, :value)
            on conflict (key) do update set value = excluded.value""",
            {"key": FORMER_REPLICAS, "value": to_json(former)},
        )
        self.db.execute("update sync_state set replica = :new, push_seq = 0", {"new": new})
