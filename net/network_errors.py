"""Classification of network errors, the only list of them."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal[
    "certificate",
    "tls",
    "proxy",
    "proxy_name",
    "proxy_refused",
    "proxy_timeout",
    "timeout",
    "name",
    "refused",
    "protocol",
    "unreachable",
]
"""``name``: DNS does not know the host. ``refused``: nothing listens on the port. ``protocol``: the peer does not speak
HTTP, or ended a message early. The kinds that begin with ``proxy`` are failures of the proxy, or on the way to it."""


class NetworkError(NamedTuple):
    """Classified error."""

    kind: Kind
    detail: str = ""
    """Message of the certificate check or of the proxy, not sanitized."""


def request_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that httpx raises when the network fails a request."""
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL, OSError)


def classify(error: BaseException, *, proxied: bool = False) -> NetworkError:
    """Return the kind of ``error``. ``proxied``: the request went through a proxy."""
    import httpx

    chain = list(causes(error))
    tls_error = next((cause for cause in chain if _is_tls_error(cause)), None)
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        return NetworkError("certificate", getattr(tls_error, "verify_message", "") or "not trusted")
    if tls_error is not None:
        return NetworkError("tls")
    if proxied and isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
        return _proxy_error(error, chain)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return NetworkError("timeout")
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return NetworkError("name")
    if any(_is_refusal(cause) for cause in chain):
        return NetworkError("refused")
    if isinstance(error, (httpx.RemoteProtocolError, httpx.DecodingError)):
        return NetworkError("protocol")
    return NetworkError("unreachable")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error, its causes, and members of groups: each network layer wraps the one below."""
    pending, count = [error], 0
    while pending and count < 50:
        cause = pending.pop()
        if cause is not None:
            count += 1
            yield cause
            pending += [cause.__cause__, cause.__context__]
            if isinstance(cause, BaseExceptionGroup):
                pending += cause.exceptions


def _proxy_error(error: BaseException, chain: list[BaseException]) -> NetworkError:
    import httpx

    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return NetworkError("proxy_name")
    if any(_is_refusal(cause) for cause in chain):
        return NetworkError("proxy_refused")
    if isinstance(error, httpx.ConnectTimeout):
        return NetworkError("proxy_timeout")
    return NetworkError("proxy", str(error) if isinstance(error, httpx.ProxyError) else "")


def _is_tls_error(cause: BaseException) -> bool:
    """Return whether TLS failed. A connection that waits for data has SSLWantReadError among its causes."""
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLWantReadError | ssl.SSLWantWriteError)


def _is_refusal(cause: BaseException) -> bool:
    return isinstance(cause, ConnectionRefusedError) or getattr(cause, "errno", None) == errno.ECONNREFUSED
