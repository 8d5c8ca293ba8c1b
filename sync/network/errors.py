"""Sentences for network errors of requests to a server."""

from __future__ import annotations

from sterna.net import classify

from ..errors import CannotReach
from .client import proxy_of
from .server_address import Server

_SENTENCES = {
    "tls": "There is no secure connection to {host}: the program that answers there does not speak TLS.",
    "proxy": "The proxy {proxy} does not lead to {host}{detail}.",
    "proxy_name": "The name of the proxy {proxy} is not found.",
    "proxy_refused": "Nothing answers at the proxy {proxy}.",
    "proxy_timeout": "The proxy {proxy} does not answer.",
    "timeout": "{host} does not answer. Check the network, and that the server is running.",
    "name": "The name {host} is not found. Check the address and the network.",
    "refused": "Nothing answers at {host}. Check the address, and that the server is running.",
    "protocol": "The program that answers at {host} broke off, or does not speak HTTP. Check the address.",
    "unreachable": "{host} cannot be reached. Check the network.",
    "certificate": "The certificate of {host} is not accepted{detail}. Check this computer's clock. Behind a company's"
    " proxy, set SSL_CERT_FILE to its certificate.",
}
_PROXY_ADVICE = " Check that variable, or add the host to NO_PROXY to connect without a proxy."


def unreachable(server: Server, error: BaseException) -> CannotReach:
    """Return the error, as a sentence, that kept ``server`` from answering."""
    proxy = proxy_of(server)
    found = classify(error, proxied=proxy is not None)
    sentence = _SENTENCES[found.kind].format(
        host=server.host, proxy=proxy.shown if proxy is not None else "", detail=_shown(found.detail)
    )
    if found.kind.startswith("proxy"):
        sentence += _PROXY_ADVICE
    if found.kind in ("certificate", "tls"):
        return CannotReach(sentence, "tls")
    return CannotReach(sentence, "timeout" if found.kind in ("timeout", "proxy_timeout") else "network")


def _shown(detail: str) -> str:
    if not detail:
        return ""
    from sterna.storage import one_line

    return f" ({one_line(detail, 100)})"
