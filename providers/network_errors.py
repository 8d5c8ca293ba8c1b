"""What kept a request from arriving or its answer from coming, told from the errors of the network layers."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from .endpoint import LOCAL_SERVERS, Timeouts
from .events import Failed, FailureKind
from .failures import Teller
from .foreign_text import plain, quoted, redact
from .retry_after import words


def told(
    error: BaseException, teller: Teller, timeouts: Timeouts, *, opened: bool = False, began: bool = False
) -> Failed:
    """``error`` as a failure. ``opened``: an answer had begun; ``began``: a part of the reply had come."""
    import httpx

    causes = list(_chain(error))
    host = redact(plain(teller.endpoint.host), teller.secrets)
    is_proxys = teller.proxy and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
    if is_proxys and not any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return _no_proxy(error, causes, teller, host)
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        advice = _start(teller) or "Check the network and the proxy, then retry."
        return Failed(FailureKind.TIMEOUT, f"{host} does not answer within {words(timeouts.connect)}. {advice}")
    if isinstance(error, httpx.TimeoutException):
        return _silent(error, teller, timeouts, began)
    found = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if found is not None:
        return _insecure(found, teller, host)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Failed(
            FailureKind.DNS,
            f"The name {host} is not found. Check the network connection, and {teller.setting}.",
        )
    if any(isinstance(cause, ConnectionRefusedError) or _errno(cause) == errno.ECONNREFUSED for cause in causes):
        advice = _start(teller) or f"Check {teller.setting} and that a server runs there."
        return Failed(FailureKind.REFUSED, f"Nothing answers at {host}: the connection is refused. {advice}")
    if isinstance(error, httpx.ConnectError):
        return Failed(FailureKind.NETWORK, f"{host} cannot be reached. Check the network connection, then retry.")
    if isinstance(error, httpx.DecodingError):
        return teller.malformed("a body that cannot be decompressed")
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | httpx.CloseError):
        return teller.truncated(began) if opened else _broken(error, teller, host)
    return Failed(FailureKind.NETWORK, f"The connection to {host} broke. Check the network connection, then retry.")


def _no_proxy(error: BaseException, causes: list[BaseException], teller: Teller, host: str) -> Failed:
    """A proxy that does not answer, or does not lead to the endpoint."""
    import httpx

    proxy = plain(teller.proxy)
    advice = "Check that variable; put the host into NO_PROXY to do without a proxy."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Failed(FailureKind.NETWORK, f"The name of the proxy {proxy} is not found. {advice}")
    if any(isinstance(cause, ConnectionRefusedError) or _errno(cause) == errno.ECONNREFUSED for cause in causes):
        return Failed(FailureKind.NETWORK, f"Nothing answers at the proxy {proxy}: it refuses the connection. {advice}")
    if isinstance(error, httpx.ConnectTimeout):
        return Failed(FailureKind.NETWORK, f"The proxy {proxy} does not answer. {advice}")
    said = quoted(str(error), teller.secrets, 100) if isinstance(error, httpx.ProxyError) else ""
    if "407" in said:
        return Failed(
            FailureKind.NETWORK,
            f"The proxy {proxy} wants a sign-in. Put a name and a password into its address, as in "
            "http://name:password@host:port.",
        )
    return Failed(
        FailureKind.NETWORK, f"The proxy {proxy} does not lead to {host}{': ' + said if said else ''}. {advice}"
    )


def _silent(error: BaseException, teller: Teller, timeouts: Timeouts, began: bool) -> Failed:
    import httpx

    if isinstance(error, httpx.WriteTimeout):
        return Failed(
            FailureKind.TIMEOUT,
            f"{teller.title} took no data for {words(timeouts.write)}. Check the network connection, then retry.",
        )
    kept = " What came is kept." if began else ""
    return Failed(
        FailureKind.TIMEOUT,
        f"{teller.title} was silent for {words(timeouts.read)}.{kept} Retry; for a slow model raise timeouts.read in "
        "config.toml.",
    )


def _insecure(error: ssl.SSLError, teller: Teller, host: str) -> Failed:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = plain(getattr(error, "verify_message", "") or "not trusted")
        return Failed(
            FailureKind.TLS,
            f"The certificate of {host} is not accepted ({reason}). Check this machine's clock; behind a company's "
            f"proxy set SSL_CERT_FILE to its certificate; else check {teller.setting}.",
        )
    return Failed(
        FailureKind.TLS,
        f"There is no secure connection to {host}. If it does not speak TLS, begin {teller.setting} with http://; else "
        "check the network and the proxy.",
    )


def _broken(error: BaseException, teller: Teller, host: str) -> Failed:
    import httpx

    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error) and "closed" not in str(error):
        return Failed(
            FailureKind.MALFORMED,
            f"What answers at {host} does not speak HTTP. Check {teller.setting}: its port, and http or https.",
        )
    return Failed(
        FailureKind.NETWORK, f"{host} dropped the connection before a reply came. Check that it still runs, then retry."
    )


def _start(teller: Teller) -> str:
    """How the server of a usual local port is started."""
    endpoint = teller.endpoint
    known = LOCAL_SERVERS.get(endpoint.port or 0) if endpoint.local else None
    return f"Is {known[0]} running? {known[1]}, then retry." if known else ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and the parts of groups: each network layer wraps the one below."""
    seen = 0
    waiting = [error]
    while waiting and seen < 50:
        one = waiting.pop()
        if one is None:
            continue
        seen += 1
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _errno(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None
