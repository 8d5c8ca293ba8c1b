"""HTTP clients with common settings: no redirects, verified certificates, and a known proxy."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from .decompression import accept_encoding
from .proxies import Proxy

if TYPE_CHECKING:
    import httpx


class Limits(NamedTuple):
    """Timeouts for the steps of a request, in seconds."""

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
    """Return a client for the host of ``url``. It blocks for a while: httpx is imported and certificates are read.

    Raises ``OSError`` where SSL_CERT_FILE or SSL_CERT_DIR names a missing file or folder.
    """
    with uncollected():
        return _client(url, limits, proxy, transport)


def _client(
    url: str, limits: Limits, proxy: Proxy | None, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    import httpx

    for name in ("httpx", "httpcore"):
        # their logs contain addresses and headers, and either may contain a key
        logging.getLogger(name).setLevel(logging.WARNING)
    # reading certificates is the slowest step here; SSL_CERT_FILE and SSL_CERT_DIR are honoured
    is_plain = url.startswith("http:") and (proxy is None or not proxy.url.startswith("https:"))
    verify = False if is_plain else httpx.create_ssl_context()
    if transport is None and proxy is not None and proxy.url.startswith("socks"):
        from .socks import SocksTransport

        transport = SocksTransport(proxy=proxy.url, verify=verify)
    return httpx.AsyncClient(
        transport=transport,
        proxy=proxy.url if proxy is not None and transport is None else None,
        timeout=httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.write, pool=limits.connect),
        headers={"User-Agent": "sterna", "Accept-Encoding": accept_encoding()},
        follow_redirects=False,
        trust_env=False,  # httpx misreads networks and IPv6 addresses in NO_PROXY; :mod:`net.proxies` reads it
        verify=verify,
    )


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage while modules are loaded: they stay, and a search of them would delay every thread."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
