"""Clients, all opened the same way: no redirect is followed, certificates are checked, and the proxy is known."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .decompression import offered
from .proxies import Proxy

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to wait for each step of a request."""

    connect: float = 10.0
    read: float = 30.0
    write: float = 30.0


def open_client(
    url: str,
    *,
    limits: Limits,
    proxy: Proxy | None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Return a client for the one machine of ``url``. Takes a while: importing httpx and reading certificates.

    Raises ``OSError`` where SSL_CERT_FILE or SSL_CERT_DIR names what is not there.
    """
    import httpx

    for name in ("httpx", "httpcore"):
        # Their logs hold addresses and headers, in either of which a key may be.
        logging.getLogger(name).setLevel(logging.WARNING)
    is_plain = url.startswith("http:") and (proxy is None or not proxy.url.startswith("https:"))
    return httpx.AsyncClient(
        transport=transport,
        proxy=proxy.url if proxy is not None and transport is None else None,
        timeout=httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.write, pool=limits.connect),
        headers={"User-Agent": "sterna", "Accept-Encoding": offered()},
        follow_redirects=False,
        trust_env=False,  # its reading of NO_PROXY fails on networks and on IPv6; :mod:`net.proxies` has done it
        # reading the certificates takes longer than all else here; SSL_CERT_FILE and SSL_CERT_DIR count
        verify=False if is_plain else httpx.create_ssl_context(),
    )
