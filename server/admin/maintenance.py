"""What whoever runs a server asks of its database: figures by day, letting go of what is old, how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..database.pool import Connection
from .users import transaction


class Upkeep:
    """Of the database at ``url``; each method is one transaction. Raises UsersError with a sentence."""

    def __init__(self, url: str) -> None:
        self._url = url

    def stats(self, days: int) -> Sequence[dict[str, Any]]:
        """The figures of the last ``days`` days that have any, newest first; today's are made anew."""

        async def work(connection: Connection) -> Sequence[dict[str, Any]]:
            await connection.execute("select public.cleanup_old_data(null)")
            return await (
                await connection.execute(
                    "select stat_date, total_users, total_conversations, total_messages from public.system_stats"
                    " order by stat_date desc limit %s",
                    (days,),
                )
            ).fetchall()

        return asyncio.run(transaction(self._url, work))

    def cleanup(self, days: int) -> dict[str, Any]:
        """Delete activity, use, visits and cache entries older than ``days``; return how many.

        See docs/specification/functions.md#cleanup-old-data.
        """
        found: dict[str, Any] = self._call("select public.cleanup_old_data(%s) as told", days)["deleted_records"]
        return found

    def health(self) -> dict[str, Any]:
        """Return sizes, use of indexes and totals: docs/specification/functions.md#analyze-database-health."""
        return self._call("select public.analyze_database_health() as told")

    def _call(self, statement: str, *values: Any) -> dict[str, Any]:
        async def work(connection: Connection) -> dict[str, Any]:
            row = await (await connection.execute(statement.encode(), values)).fetchone()
            assert row is not None
            told: dict[str, Any] = row["told"]
            return told

        return asyncio.run(transaction(self._url, work))
