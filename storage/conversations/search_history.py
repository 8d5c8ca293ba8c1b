"""Searches and their results, and the account's counters. They never leave this device.

See docs/specification/schema.md#table-search-sessions and docs/specification/functions.md#get-user-stats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from ..text import storable

if TYPE_CHECKING:
    from .search_hits import Hit

KEPT = 500
"""Searches; older ones go when new ones come, the counter stays."""

SearchStatus = Literal["completed", "no_results", "failed"]

_STATS = "total_conversations, total_searches, message_count, token_usage, subscription_tier, subscription_status"


@in_sentences
class SearchHistory:
    """The table ``search_sessions``, and the counters of the account."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def record(self, query: str, hits: Sequence[Hit], *, session_id: str | None = None, failed: bool = False) -> str:
        """Note a search that was made, in one conversation or in everything; gives its id.

        ``total_searches`` of the profile counts it by trigger.
        """
        status: SearchStatus = "failed" if failed else "completed" if hits else "no_results"
        result = [{"session_id": hit.session_id, "message_id": hit.message_id} for hit in hits]
        with self.db.write():
            row = self.db.one(
                """insert into search_sessions (user_id, filters, results, results_count, status, created_at)
                values (:user, :filters, :results, :count, :status, :now) returning id""",
                user=self.db.user_id,
                filters=to_json({"query": storable(query), "session_id": session_id}),
                results=to_json(result),
                count=len(result),
                status=status,
                now=self.db.stamp(),
            )
            assert row is not None
            self.db.execute(
                """delete from search_sessions where id in (
                    select id from search_sessions order by created_at desc, id desc limit -1 offset :kept)""",
                {"kept": KEPT},
            )
        noted: str = row["id"]
        return noted

    def recent(self, limit: int = 8) -> list[str]:
        """Return recent search texts, each once, newest first."""
        rows = self.db.rows(
            """select json_extract(filters, '$.query') as query, max(created_at) as at
            from search_sessions where status <> 'failed' and json_type(filters, '$.query') = 'text'
            group by 1 order by at desc, query limit :limit""",
            limit=max(0, limit),
        )
        return [row["query"] for row in rows]

    def forget(self, query: str) -> int:
        """Remove every search for this; how many there were."""
        with self.db.write():
            return self.db.execute(
                "delete from search_sessions where json_extract(filters, '$.query') = :query", {"query": query}
            ).rowcount

    def get_user_stats(self) -> dict[str, Any]:
        """Return the counters of the account, which only grow, and its tier."""
        row = self.db.one(f"select {_STATS} from users where id = :id", id=self.db.user_id)
        return dict(row) if row is not None else {}
