"""Clients of one server: proxy, timeouts, and silence in the logs of the HTTP libraries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sterna import net
from sterna.net import Limits, Proxy, ProxyError

from ..errors import CannotReach
from .server_address import Server

if TYPE_CHECKING:
    import httpx

CONNECT, READ, WRITE = 10.0, 30.0, 30.0
"""Timeouts in seconds."""
_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
"""Every logger by name, because a logger's filter does not apply to the records of its children."""


class _WarningsOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_WARNINGS_ONLY = _WarningsOnly()


def silence_logging() -> None:
    """Drop what the HTTP libraries log below warnings: headers hold tokens, addresses hold ids.

    Filters are used instead of levels, so that setting every logger to DEBUG afterwards still shows no header.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_WARNINGS_ONLY)  # adding the same filter again does nothing


def open_client(server: Server, *, read: float = READ) -> httpx.AsyncClient:
    """Return a client for ``server``; no proxy leads to this computer. Raises :class:`CannotReach`."""
    limits = Limits(connect=CONNECT, read=read, write=WRITE)
    return net.open_client(server.origin, limits=limits, proxy=proxy_of(server))


def proxy_of(server: Server) -> Proxy | None:
    """Return the proxy that leads to ``server``. Raises :class:`CannotReach` where it is set in an unusable form."""
    try:
        return None if server.local else net.proxy_for(server.origin)
    except ProxyError as error:
        raise CannotReach(str(error), "network") from None
