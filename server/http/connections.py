"""Limits of open connections and of unread responses.

A connection that waits for its client (for headers, for the rest of a body or for the next request) may be closed to
make room; one whose request is being processed may not. So idle connections cannot keep others out.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from typing import Protocol

from ..settings import MEGABYTE

UNREAD_BYTES = 64 * MEGABYTE
"""Bytes of responses that all clients together may leave unread before the slowest reader is disconnected."""
UNREAD_SECONDS = 30.0
"""Time in which a client has to read some of its response."""
SPARE_FILES = 128
"""File descriptors for the database and whatever else the process opens."""


class Connection(Protocol):
    """Interface of a connection to :class:`Connections`."""

    transport: asyncio.Transport
    waits_since: float
    address: str

    @property
    def is_waiting(self) -> bool:
        """True if the server waits for the client."""


class Connections:
    """All connections of a server."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Connection] = set()
        self._unread: dict[Connection, float] = {}

    def opened(self, connection: Connection) -> None:
        """Admit a connection; when there are too many, close a waiting one of the busiest address, or else this one."""
        self._open.add(connection)
        if len(self._open) <= self._limit:
            return
        waiting = [other for other in self._open if other.is_waiting and other is not connection]
        by_address = Counter(other.address for other in waiting)
        victim = min(waiting, key=lambda other: (-by_address[other.address], other.waits_since), default=connection)
        self._open.discard(victim)
        victim.transport.abort()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._unread.pop(connection, None)

    def is_unread(self, connection: Connection) -> None:
        """Note that a client does not read its response fast enough."""
        self._unread[connection] = time.monotonic()
        while len(self._unread) > 1 and sum(map(_unread_bytes, self._unread)) > UNREAD_BYTES:
            slowest = min(self._unread, key=self._unread.__getitem__)
            del self._unread[slowest]
            slowest.transport.abort()

    def is_read(self, connection: Connection) -> None:
        """Note that the client has caught up."""
        self._unread.pop(connection, None)


def _unread_bytes(connection: Connection) -> int:
    return connection.transport.get_write_buffer_size()


def max_connections(wanted: int) -> int:
    """Return how many connections the file descriptors of this process allow, after raising their soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - SPARE_FILES))
