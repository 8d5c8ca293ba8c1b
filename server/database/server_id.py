"""Id of the server: the database's, whatever address it is reached at."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ..identity import SERVER
from .pool import Connection, Database

_known: WeakKeyDictionary[Database, str] = WeakKeyDictionary()


async def server_id(database: Database) -> str:
    """Return the server's id, read once by each process."""
    if database not in _known:

        async def read(connection: Connection) -> str:
            cursor = await connection.execute("select value from sterna.secrets where name = 'server_id'")
            row = await cursor.fetchone()
            return "" if row is None else str(row["value"])

        _known[database] = await database.read(SERVER, read)
    return _known[database]
