"""Bounds of open connections and of what waits in them to be read.

A connection that waits for its client (for the head or the rest of a request, or for the next one) may be closed to
make room; one whose request is being worked on may not. So connections that say nothing cannot keep others out.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from typing import Protocol

from ..settings import MEGABYTE

UNREAD_BYTES = 64 * MEGABYTE
"""Bytes of answers that all clients together may leave unread before the slowest reader is cut off."""
UNREAD_SECONDS = 30.0
"""Time in which a client has to read something of its answer."""
SPARE_FILES = 128
"""File descriptors for the database and whatever else the process opens."""


class Connection(Protocol):
    """What is asked of one connection."""

    transport: asyncio.Transport
    waits_since: float
    address: str

    @property
    def is_waiting(self) -> bool:
        """Whether the next move is the client's."""


class Connections:
    """All connections of a server."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Connection] = set()
        self._unread: dict[Connection, float] = {}

    def opened(self, connection: Connection) -> None:
        """Admit a connection; close another one, or this one, when there are too many."""
        self._open.add(connection)
        if len(self._open) <= self._most:
            return
        waiting = [one for one in self._open if one.is_waiting and one is not connection]
        by_address = Counter(one.address for one in waiting)
        victim = min(waiting, key=lambda one: (-by_address[one.address], one.waits_since), default=connection)
        self._open.discard(victim)
        victim.transport.abort()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._unread.pop(connection, None)

    def is_unread(self, connection: Connection) -> None:
        """Note that a client does not read as fast as it is answered."""
        self._unread[connection] = time.monotonic()
        while len(self._unread) > 1 and sum(map(_left, self._unread)) > UNREAD_BYTES:
            slowest = min(self._unread, key=self._unread.__getitem__)
            del self._unread[slowest]
            slowest.transport.abort()

    def is_read(self, connection: Connection) -> None:
        """Note that the client has caught up."""
        self._unread.pop(connection, None)


def _left(connection: Connection) -> int:
    return connection.transport.get_write_buffer_size()


def affordable(most: int) -> int:
    """Return how many connections fit into the file descriptors of this process, raising their soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - SPARE_FILES))
