"""Network errors of a request as sentences that say what to do. :mod:`net.network_errors` classifies them."""

from __future__ import annotations

from sterna.net import NetworkError, classify

from .endpoint import LOCAL_SERVERS, Timeouts
from .error_context import ErrorContext
from .events import Failed, FailureKind
from .failures import FailureReporter
from .untrusted_text import quoted, single_line

UNREACHED = (FailureKind.REFUSED, FailureKind.DNS, FailureKind.TIMEOUT, FailureKind.NETWORK)
"""Failures to connect that may end by themselves; a bad certificate, or a proxy that wants a sign-in, does not."""


def network_failure(
    error: BaseException, reporter: FailureReporter, timeouts: Timeouts, *, opened: bool = False, began: bool = False
) -> Failed:
    """Return the failure for ``error``. ``opened``: a response had begun; ``began``: a part of the reply had come."""
    import httpx

    network_error = classify(error, proxied=bool(reporter.proxy))
    failure = _failure(error, network_error, reporter, timeouts, opened, began)
    no_proxy = network_error.kind.startswith("proxy") and "407" not in network_error.detail
    is_unreached = no_proxy or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
    return failure._replace(unreached=is_unreached and not opened and failure.kind in UNREACHED)


def _failure(
    error: BaseException,
    network_error: NetworkError,
    reporter: FailureReporter,
    timeouts: Timeouts,
    opened: bool,
    began: bool,
) -> Failed:
    import httpx

    host = reporter.host
    match network_error.kind:
        case "certificate" | "tls":
            return _insecure(network_error, reporter)
        case "proxy" | "proxy_name" | "proxy_refused" | "proxy_timeout":
            return _proxy_failure(network_error, reporter)
        case "timeout":
            return _timeout(error, reporter, timeouts, began)
        case "name":
            return Failed(
                FailureKind.DNS,
                f"The name {host} is not found. Check the network connection, and {reporter.setting}.",
            )
        case "refused":
            advice = _start_server(reporter) or f"Check {reporter.setting} and that a server runs there."
            return Failed(FailureKind.REFUSED, f"Nothing answers at {host}: the connection is refused. {advice}")
    if isinstance(error, httpx.ConnectError):
        return Failed(FailureKind.NETWORK, f"{host} cannot be reached. Check the network connection, then retry.")
    if isinstance(error, httpx.DecodingError):
        return reporter.malformed("a body that cannot be decompressed")
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | httpx.CloseError):
        return reporter.truncated(began) if opened else _dropped(error, reporter)
    return Failed(FailureKind.NETWORK, f"The connection to {host} was lost. Check the network connection, then retry.")


def _proxy_failure(error: NetworkError, context: ErrorContext) -> Failed:
    from .error_kinds import proxy_sign_in

    proxy = single_line(context.proxy)
    advice = "Check that variable, or add the host to NO_PROXY to connect without a proxy."
    if error.kind == "proxy_name":
        return Failed(FailureKind.NETWORK, f"The name of the proxy {proxy} is not found. {advice}")
    if error.kind == "proxy_refused":
        return Failed(FailureKind.NETWORK, f"Nothing answers at the proxy {proxy}: the connection is refused. {advice}")
    if error.kind == "proxy_timeout":
        return Failed(FailureKind.NETWORK, f"The proxy {proxy} does not answer. {advice}")
    words = quoted(error.detail, context.secrets, 100)
    if "407" in words:
        return proxy_sign_in(proxy)
    return Failed(
        FailureKind.NETWORK,
        f"The proxy {proxy} does not lead to {context.host}{': ' + words if words else ''}. {advice}",
    )


def _timeout(error: BaseException, context: ErrorContext, timeouts: Timeouts, began: bool) -> Failed:
    import httpx

    from .retry_after import in_words

    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        advice = _start_server(context) or "Check the network and the proxy, then retry."
        limit = in_words(timeouts.connect)
        return Failed(FailureKind.TIMEOUT, f"{context.host} did not answer within {limit}. {advice}")
    if isinstance(error, httpx.WriteTimeout):
        return Failed(
            FailureKind.TIMEOUT,
            f"{context.title} accepted no data for {in_words(timeouts.write)}. Check the network connection, then "
            "retry.",
        )
    saved = " The partial reply is saved." if began else ""
    return Failed(
        FailureKind.TIMEOUT,
        f"{context.title} sent nothing for {in_words(timeouts.read)}.{saved} Retry; for a slow model raise "
        "timeouts.read in config.toml.",
    )


def _insecure(error: NetworkError, context: ErrorContext) -> Failed:
    if error.kind == "certificate":
        return Failed(
            FailureKind.TLS,
            f"The certificate of {context.host} is not accepted ({single_line(error.detail)}). Check this computer's "
            f"clock; behind a company's proxy set SSL_CERT_FILE to its certificate; otherwise check {context.setting}.",
        )
    return Failed(
        FailureKind.TLS,
        f"No secure connection to {context.host} is possible. If it does not support TLS, begin {context.setting} with "
        "http://; otherwise check the network and the proxy.",
    )


def _dropped(error: BaseException, context: ErrorContext) -> Failed:
    import httpx

    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error) and "closed" not in str(error):
        return Failed(
            FailureKind.MALFORMED,
            f"The program that answers at {context.host} does not speak HTTP. Check {context.setting}: its port, and "
            "http or https.",
        )
    return Failed(
        FailureKind.NETWORK,
        f"{context.host} dropped the connection before a reply came. Check that it still runs, then retry.",
    )


def _start_server(context: ErrorContext) -> str:
    """Return how to start the server that usually listens on a local port; "" for any other address."""
    endpoint = context.endpoint
    known = LOCAL_SERVERS.get(endpoint.port or 0) if endpoint.local else None
    return f"Is {known[0]} running? {known[1]}, then retry." if known else ""
