"""The proxy that leads to an address, by the usual variables of the environment and with curl's rules for NO_PROXY."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SCHEMES: Mapping[str, str] = {
    "http": "http",
    "https": "https",
    "socks": "socks5",
    "socks5": "socks5",
    "socks5h": "socks5h",
}
"""Kinds of proxies as people write them, and as the HTTP library names them."""
PORTS: Mapping[str, int] = {"http": 1080, "https": 443, "socks5": 1080, "socks5h": 1080}
"""What curl takes where no port is named."""


class ProxyError(ValueError):
    """A proxy is set in a form that cannot be used; the message is a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy."""

    url: str
    """With the name and the password to sign in there, if any."""
    variable: str
    """Where it was set."""

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r})"

    @property
    def shown(self) -> str:
        """For sentences: ``host:port (HTTPS_PROXY)``, without a password."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return f"{f'[{host}]' if ':' in host else host}:{parts.port} ({self.variable})"


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy for ``url``, or None where it is reached directly. Raises :class:`ProxyError`."""
    parts = urlsplit(url)
    host, scheme = parts.hostname or "", parts.scheme
    port = parts.port or {"http": 80, "https": 443}.get(scheme)
    if is_excluded(host, port, _first(environ, "no_proxy", "NO_PROXY")[1]):
        return None
    # An HTTP_PROXY in capitals counts too: no program of ours runs as a CGI script, where a visitor could set it.
    variable, value = _first(environ, f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    if not value:
        variable, value = _of_system(scheme, host)
    return _proxy(variable, value) if value else None


def is_excluded(host: str, port: int | None, no_proxy: str) -> bool:
    """Tell whether ``no_proxy`` has ``host``: a name and all below it, an address, a network, with a port or without,
    or ``*``."""
    host = host.strip("[]").rstrip(".").lower()
    address = _address(host)
    for entry in no_proxy.replace(",", " ").split():
        if entry == "*":
            return True
        name, wanted = _with_port(entry.lower())
        if wanted is not None and wanted != port:
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


def _of_system(scheme: str, host: str) -> tuple[str, str]:
    """Return the proxy of the system's own settings, where a system has such; its list of exceptions counts."""
    if sys.platform not in ("darwin", "win32"):
        return "", ""
    import urllib.request

    value = urllib.request.getproxies().get(scheme, "")
    return ("the system's settings", value) if value and not urllib.request.proxy_bypass(host) else ("", "")


def _proxy(variable: str, value: str) -> Proxy:
    wrong = ProxyError(
        f"The proxy in {variable} is not one that Sterna can use. Write it as in http://proxy.example:3128 or "
        "socks5h://proxy.example:1080, or unset it."
    )
    if not value.isprintable() or " " in value:
        raise wrong
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme, port = SCHEMES.get(parts.scheme, ""), parts.port
    except ValueError:
        raise wrong from None
    if not scheme or not parts.hostname:
        raise wrong
    sign_in, at, place = parts.netloc.rpartition("@")
    if port is None:
        place = f"{place.rstrip(':')}:{PORTS[scheme]}"
    return Proxy(f"{scheme}://{sign_in}{at}{place}", variable)


def _with_port(entry: str) -> tuple[str, int | None]:
    """Split ``host:port`` and ``[address]:port``; a bare IPv6 address has no port."""
    if entry.startswith("["):
        inside, _, rest = entry[1:].partition("]")
        network, port = rest.partition(":")[::2]
        return inside + network, int(port) if port.isdecimal() else None
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
