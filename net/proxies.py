"""Proxy for an address, from the usual environment variables and with curl's rules for NO_PROXY."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

SCHEMES: Mapping[str, str] = {
    "http": "http",
    "https": "https",
    "socks": "socks5",
    "socks5": "socks5",
    "socks5h": "socks5h",
}
"""Kinds of proxies as written in a variable, and as the HTTP library names them."""
PORTS: Mapping[str, int] = {"http": 1080, "https": 443, "socks5": 1080, "socks5h": 1080}
"""Default ports, as curl has them."""


class ProxyError(ValueError):
    """The proxy in the environment cannot be used; the message is a sentence that says what to do."""


class Proxy(NamedTuple):
    """Proxy from the environment."""

    url: str
    """Address, with user name and password if it has them."""
    variable: str
    """Variable that it was set in."""

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r})"

    @property
    def shown(self) -> str:
        """``host:port (HTTPS_PROXY)`` for sentences, without a password."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return f"{f'[{host}]' if ':' in host else host}:{parts.port} ({self.variable})"


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy for ``url``, or None for a direct connection. Raises :class:`ProxyError`."""
    parts = urlsplit(url)
    host, scheme = parts.hostname or "", parts.scheme
    port = parts.port or {"http": 80, "https": 443}.get(scheme)
    if is_excluded(host, port, _first(environ, "no_proxy", "NO_PROXY")[1]):
        return None
    # HTTP_PROXY in capitals counts too: this never runs as a CGI script, in which a visitor could set it
    variable, value = _first(environ, f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    if not value:
        variable, value = _system_proxy(scheme, host)
    return _proxy(variable, value) if value else None


def is_excluded(host: str, port: int | None, no_proxy: str) -> bool:
    """Return whether ``no_proxy`` lists ``host``.

    An entry is a domain, an address or a network, each with or without a port, or ``*``.
    """
    host = host.strip("[]").rstrip(".").lower()
    address = _address(host)
    for entry in no_proxy.replace(",", " ").split():
        if entry == "*":
            return True
        name, listed_port = _split_port(entry.lower())
        if listed_port is not None and listed_port != port:
            continue
        if address is not None:
            if any(address in network for network in _networks(name)):
                return True
            continue
        name = name.removeprefix("*").strip(".")
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False


def _first(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    return next(((name, value) for name in names if (value := environ.get(name, "").strip())), ("", ""))


def _system_proxy(scheme: str, host: str) -> tuple[str, str]:
    """Return the proxy of the system's settings, if it has them; its list of exceptions is honoured."""
    if sys.platform not in ("darwin", "win32"):
        return "", ""
    import urllib.request

    value = urllib.request.getproxies().get(scheme, "")
    return ("the system's settings", value) if value and not urllib.request.proxy_bypass(host) else ("", "")


def _proxy(variable: str, value: str) -> Proxy:
    invalid = ProxyError(
        f"The proxy in {variable} is not valid. Write it like http://proxy.example:3128 or "
        "socks5h://proxy.example:1080, or unset it."
    )
    if not value.isprintable() or " " in value:
        raise invalid
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme, port = SCHEMES.get(parts.scheme, ""), parts.port
    except ValueError:
        raise invalid from None
    if not scheme or not parts.hostname:
        raise invalid
    user, at, address = parts.netloc.rpartition("@")
    if port is None:
        address = f"{address.rstrip(':')}:{PORTS[scheme]}"
    return Proxy(f"{scheme}://{user}{at}{address}", variable)


def _split_port(entry: str) -> tuple[str, int | None]:
    """Split ``host:port`` and ``[address]:port``; a bare IPv6 address has no port."""
    if entry.startswith("["):
        address, _, rest = entry[1:].partition("]")
        network, port = rest.partition(":")[::2]
        return address + network, int(port) if port.isdecimal() else None
    name, colon, port = entry.rpartition(":")
    if colon and ":" not in name and port.isdecimal():
        return name, int(port)
    return entry, None


def _networks(name: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        yield ipaddress.ip_network(name, strict=False)
    except ValueError:
        return


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
