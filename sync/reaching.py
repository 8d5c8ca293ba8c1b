"""A connection to one server and to nobody else; and what kept it from coming about, in a sentence."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .errors import CannotReach
from .origin import Server

if TYPE_CHECKING:
    import httpx

CONNECT, READ, WRITE = 10.0, 30.0, 30.0
"""Seconds to wait."""


def open_client(server: Server, *, read: float = READ) -> httpx.AsyncClient:
    """A client for ``server``: no redirect is followed, certificates are checked, no proxy leads to this computer."""
    import httpx

    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # what they log may hold headers, and those hold tokens
    plain = server.origin.startswith("http:")
    return httpx.AsyncClient(
        timeout=httpx.Timeout(connect=CONNECT, read=read, write=WRITE, pool=CONNECT),
        headers={"User-Agent": "sterna"},
        follow_redirects=False,
        trust_env=not server.local,
        # reading the certificates takes longer than all else here; SSL_CERT_FILE counts for this computer too
        verify=False if plain else httpx.create_ssl_context(),
    )


def in_a_sentence(server: Server, error: BaseException) -> CannotReach:
    """What kept ``server`` from answering."""
    import httpx

    host, causes = server.host, list(_chain(error))
    insecure = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if isinstance(insecure, ssl.SSLCertVerificationError):
        from storage import one_line

        reason = one_line(insecure.verify_message or "not trusted", 100)
        return CannotReach(
            f"The certificate of {host} is not accepted ({reason}). Check this computer's clock; behind a company's "
            "proxy set SSL_CERT_FILE to its certificate.",
            "tls",
        )
    if insecure is not None:
        return CannotReach(f"There is no secure connection to {host}: what answers there does not speak TLS.", "tls")
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return CannotReach(f"{host} does not answer. Check the network, and that the server runs.", "timeout")
    if any(isinstance(one, socket.gaierror) for one in causes):
        return CannotReach(f"The name {host} is not found. Check the address and the network.", "network")
    if any(isinstance(one, ConnectionRefusedError) for one in causes):
        return CannotReach(f"Nothing answers at {host}. Check the address, and that the server runs.", "network")
    if isinstance(error, httpx.ProxyError):
        return CannotReach("The proxy does not pass this on. Check HTTPS_PROXY and ALL_PROXY.", "network")
    if isinstance(error, (httpx.RemoteProtocolError, httpx.DecodingError)):
        return CannotReach(f"What answers at {host} broke off, or does not speak HTTP. Check the address.", "network")
    return CannotReach(f"{host} cannot be reached. Check the network.", "network")


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
