"""Database maintenance for operators: daily statistics, removal of old rows, and a health report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..database.pool import Connection
from .users import transaction


class Maintenance:
    """Maintenance of the database at ``url``; each method is one transaction and raises UsersError."""

    def __init__(self, url: str) -> None:
        self._url = url

    def stats(self, days: int) -> Sequence[dict[str, Any]]:
        """Return the statistics of the last ``days`` days that have any, newest first; those of today are updated."""

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
        deleted: dict[str, Any] = self._call("select public.cleanup_old_data(%s) as result", days)["deleted_records"]
        return deleted

    def health(self) -> dict[str, Any]:
        """Return sizes, use of indexes and totals: docs/specification/functions.md#analyze-database-health."""
        return self._call("select public.analyze_database_health() as result")

    def _call(self, statement: str, *values: Any) -> dict[str, Any]:
        async def work(connection: Connection) -> dict[str, Any]:
            row = await (await connection.execute(statement.encode(), values)).fetchone()
            assert row is not None
            result: dict[str, Any] = row["result"]
            return result

        return asyncio.run(transaction(self._url, work))
