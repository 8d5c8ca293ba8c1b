"""Removal of expired rows: the trash, names of commits, and devices that never came back.

Also writes the daily statistics and ends idle visits. It works in small steps so that no request waits; several servers
share the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ..database.pool import Database
from ..errors import ApiError
from ..identity import SERVER

INTERVAL: Final = 6 * 3600.0
SECONDS: Final = 300.0
"""Time limit of one statement, which may scan a table."""
RETRY_SECONDS: Final = 60.0
"""Delay after an error of the database."""


async def purge(database: Database) -> int:
    """Remove expired rows; return their number. Tombstones are never removed."""
    removed = 0
    while True:
        async with database.transaction(SERVER, seconds=SECONDS) as db:
            row = await (await db.execute("select public.sync_purge() as removed")).fetchone()
        if row is None or not row["removed"]:
            return removed
        removed += row["removed"]


async def purge_attachments(database: Database) -> int:
    """Remove files that no message has had for a month, and abandoned uploads; return their number."""
    removed = 0
    while True:
        async with database.transaction(SERVER, seconds=SECONDS) as db:
            row = await (await db.execute("select public.purge_attachments() as removed")).fetchone()
        if row is None or not row["removed"]:
            return removed
        removed += row["removed"]


async def write_statistics(database: Database) -> None:
    """End idle visits and write today's statistics, without removing anything.

    See docs/specification/decisions.md#visit-end.
    """
    async with database.transaction(SERVER, seconds=SECONDS) as db:
        await db.execute("select public.close_idle_visits(), public.cleanup_old_data(null)")


@asynccontextmanager
async def running_retention(database: Database, first: float) -> AsyncIterator[None]:
    """Remove expired rows periodically, for the first time after ``first`` seconds."""
    task = asyncio.create_task(_run(database, first), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _run(database: Database, first: float) -> None:
    await asyncio.sleep(first)
    while True:
        try:
            await purge(database)
            await purge_attachments(database)
            await write_statistics(database)
            pause = INTERVAL
        except ApiError:
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
