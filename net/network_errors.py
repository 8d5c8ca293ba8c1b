"""Classification of network errors: the one list of what can keep a request from being answered."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
HTTP, or broke off in the middle. The kinds that begin with ``proxy`` are failures of the proxy, or on the way to it."""


@dataclass(frozen=True, slots=True)
class NetworkError:
    """One classified error."""

    kind: Kind
    detail: str = ""
    """Words of the certificate check or of the proxy; not cleaned."""


def request_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that httpx lets out of a request that the network has failed."""
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL, OSError)


def classify(error: BaseException, *, proxied: bool = False) -> NetworkError:
    """Return what ``error`` means. ``proxied`` says that the request went through a proxy."""
    import httpx

    found = list(causes(error))
    tls_error = next((cause for cause in found if _is_tls_error(cause)), None)
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        return NetworkError("certificate", getattr(tls_error, "verify_message", "") or "not trusted")
    if tls_error is not None:
        return NetworkError("tls")
    if proxied and isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
        return _proxy_error(error, found)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return NetworkError("timeout")
    if any(isinstance(cause, socket.gaierror) for cause in found):
        return NetworkError("name")
    if any(_is_refusal(cause) for cause in found):
        return NetworkError("refused")
    if isinstance(error, (httpx.RemoteProtocolError, httpx.DecodingError)):
        return NetworkError("protocol")
    return NetworkError("unreachable")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error, what it was raised from, and members of groups: each network layer wraps the one below."""
    waiting, count = [error], 0
    while waiting and count < 50:
        cause = waiting.pop()
        if cause is not None:
            count += 1
            yield cause
            waiting += [cause.__cause__, cause.__context__]
            if isinstance(cause, BaseExceptionGroup):
                waiting += cause.exceptions


def _proxy_error(error: BaseException, found: list[BaseException]) -> NetworkError:
    import httpx

    if any(isinstance(cause, socket.gaierror) for cause in found):
        return NetworkError("proxy_name")
    if any(_is_refusal(cause) for cause in found):
        return NetworkError("proxy_refused")
    if isinstance(error, httpx.ConnectTimeout):
        return NetworkError("proxy_timeout")
    return NetworkError("proxy", str(error) if isinstance(error, httpx.ProxyError) else "")


def _is_tls_error(cause: BaseException) -> bool:
    """Return whether TLS failed. A connection that waits for data has SSLWantReadError among its causes."""
    return isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLWantReadError | ssl.SSLWantWriteError)


def _is_refusal(cause: BaseException) -> bool:
    return isinstance(cause, ConnectionRefusedError) or getattr(cause, "errno", None) == errno.ECONNREFUSED
