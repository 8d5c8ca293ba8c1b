"""Id of the server, stored in its database and independent of its address."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ..identity import SERVER
from .pool import Connection, Database

_known: WeakKeyDictionary[Database, str] = WeakKeyDictionary()


async def server_id(database: Database) -> str:
    """Return the id, which each process reads once."""
    if database not in _known:

        async def read(connection: Connection) -> str:
            cursor = await connection.execute("select value from sterna.secrets where name = 'server_id'")
            row = await cursor.fetchone()
            return "" if row is None else str(row["value"])

        _known[database] = await database.read(SERVER, read)
    return _known[database]
