"""Clients of one server: proxy, timeouts, sentences for network errors, and silence in the HTTP libraries' logs."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sterna import net
from sterna.net import Limits, Proxy, ProxyError

from ..errors import CannotReach
from .server_address import Server

if TYPE_CHECKING:
    import httpx

CONNECT, READ, WRITE = 10.0, 30.0, 30.0
"""Seconds to wait."""
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


def in_a_sentence(server: Server, error: BaseException) -> CannotReach:
    """What kept ``server`` from answering."""
    import httpx

    host, causes = server.host, list(_chain(error))
    proxy = proxy_of(server)
    insecure = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if isinstance(insecure, ssl.SSLCertVerificationError):
        from sterna.storage import one_line

        reason = one_line(insecure.verify_message or "not trusted", 100)
        return CannotReach(
            f"The certificate of {host} is not accepted ({reason}). Check this computer's clock; behind a company's "
            "proxy set SSL_CERT_FILE to its certificate.",
            "tls",
        )
    if insecure is not None:
        return CannotReach(f"There is no secure connection to {host}: what answers there does not speak TLS.", "tls")
    if proxy is not None and isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
        return _no_proxy(error, causes, proxy, host)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return CannotReach(f"{host} does not answer. Check the network, and that the server runs.", "timeout")
    if any(isinstance(one, socket.gaierror) for one in causes):
        return CannotReach(f"The name {host} is not found. Check the address and the network.", "network")
    if any(isinstance(one, ConnectionRefusedError) for one in causes):
        return CannotReach(f"Nothing answers at {host}. Check the address, and that the server runs.", "network")
    if isinstance(error, (httpx.RemoteProtocolError, httpx.DecodingError)):
        return CannotReach(f"What answers at {host} broke off, or does not speak HTTP. Check the address.", "network")
    return CannotReach(f"{host} cannot be reached. Check the network.", "network")


def _no_proxy(error: BaseException, causes: list[BaseException], proxy: Proxy, host: str) -> CannotReach:
    """A proxy that does not answer, or does not lead to the server."""
    import httpx

    advice = "Check that variable; put the host into NO_PROXY to do without a proxy."
    if any(isinstance(one, socket.gaierror) for one in causes):
        return CannotReach(f"The name of the proxy {proxy.shown} is not found. {advice}", "network")
    if any(isinstance(one, ConnectionRefusedError) for one in causes):
        return CannotReach(f"Nothing answers at the proxy {proxy.shown}. {advice}", "network")
    if isinstance(error, httpx.ConnectTimeout):
        return CannotReach(f"The proxy {proxy.shown} does not answer. {advice}", "timeout")
    from sterna.storage import one_line

    said = f" ({one_line(str(error), 100)})" if isinstance(error, httpx.ProxyError) and str(error) else ""
    return CannotReach(f"The proxy {proxy.shown} does not lead to {host}{said}. {advice}", "network")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from: each network layer wraps the one below."""
    waiting, seen = [error], 0
    while waiting and seen < 50:
        one = waiting.pop()
        if one is not None:
            seen += 1
            yield one
            waiting += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                waiting += one.exceptions
