"""Values that all servers of one database keep for a while, in the table ``system_cache``.

See docs/specification/schema.md#table-system-cache.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from ..clock import Clock
from ..errors import ApiError
from ..identity import SERVER
from .pool import Database

log = logging.getLogger("sterna.server")

GET = "select cache_value as value from system_cache where cache_key = %s and expires_at > %s"
PUT = """
insert into system_cache (cache_key, cache_value, expires_at) values (%s, %s, %s)
on conflict (cache_key) do update set
    cache_value = excluded.cache_value, expires_at = excluded.expires_at, updated_at = now()
"""


class Cache:
    """A cache that is empty while the database is unreachable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, key: str) -> Any:
        """Return the value of a key; None for an unknown or expired one."""
        try:
            async with self._database.transaction(SERVER) as db:
                row = await (await db.execute(GET, (key, self._clock()))).fetchone()
        except ApiError:
            return None
        return row["value"] if row else None

    async def put(self, key: str, value: Any, seconds: float) -> None:
        """Store a value for so many seconds."""
        try:
            async with self._database.transaction(SERVER) as db:
                await db.execute(PUT, (key, Jsonb(value), self._clock() + timedelta(seconds=seconds)))
        except ApiError as error:
            log.info("cache: a value was not stored: %s", error.code)
