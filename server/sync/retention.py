"""What is kept for a time only, let go when that is over: the trash, names of commits, devices that never came back.
Beside it the figures of each day are written, and visits in which nothing happens any more are ended.

A little at a time, so that nobody waits; of several servers each does what the others have not begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ..database.pool import Database
from ..errors import ApiError
from ..identity import SERVER

EVERY: Final = 6 * 3600.0
SECONDS: Final = 300.0
"""Limit of one statement; each goes through a table."""
AGAIN: Final = 60.0
"""Seconds after which a database that was away is asked again."""


async def purge(database: Database) -> int:
    """Remove what is over; how many rows that were. Tombstones stay for ever."""
    removed = 0
    while True:
        async with database.transaction(SERVER, seconds=SECONDS) as db:
            row = await (await db.execute("select public.sync_purge() as removed")).fetchone()
        if row is None or not row["removed"]:
            return removed
        removed += row["removed"]


async def count(database: Database) -> None:
    """End idle visits and write today's figures; nothing is removed for that.

    See docs/specification/decisions.md#visit-end.
    """
    async with database.transaction(SERVER, seconds=SECONDS) as db:
        await db.execute("select public.close_idle_visits(), public.cleanup_old_data(null)")


@asynccontextmanager
async def kept(database: Database, first: float) -> AsyncIterator[None]:
    """While the server runs, for the first time after so many seconds: counting takes a connection for a while."""
    task = asyncio.create_task(_keep(database, first), name="sync keeping")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep(database: Database, first: float) -> None:
    await asyncio.sleep(first)
    while True:
        try:
            await purge(database)
            await count(database)
            pause = EVERY
        except ApiError:
            pause = AGAIN
        await asyncio.sleep(pause)
