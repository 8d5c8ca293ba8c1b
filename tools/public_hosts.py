"""Hosts that ``fetch`` may reach: public ones, and those that the person allowed."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from .errors import ToolError
from .plain_text import plain_line

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Return whether an address is on the internet, and none of this computer, its networks or its provider's."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.scope_id:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_exempt(host: str, port: int, exempt: Sequence[str]) -> bool:
    """Return whether the person allowed a host, ``HOST`` or ``HOST:PORT``, although it is not public."""
    shown = f"[{host}]" if ":" in host else host
    return any(name.strip().lower() in (host, shown, f"{shown}:{port}") for name in exempt)


async def addresses_of(host: str, port: int, exempt: Sequence[str]) -> list[str]:
    """Return the addresses of a host. Raises ToolError for one that is unknown, or may not be reached.

    Connections are made to these, not to the name: a name may lead elsewhere a moment later.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ToolError(f"There is no host {plain_line(host, 100)}.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not is_exempt(host, port, exempt):
        for text in addresses:
            if not is_public(ipaddress.ip_address(text.partition("%")[0])):
                raise ToolError(
                    f"{plain_line(host, 100)} is on this computer or in its network, where fetch may not go. "
                    "The setting tools.fetch_private can allow it."
                )
    return addresses


def require_address(url: str) -> tuple[str, int]:
    """Return host and port of an address. Raises ToolError for what is no http or https address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or any(mark.isspace() for mark in url)
        or not url.isprintable()
    ):
        raise ToolError("fetch needs an address that begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ToolError("fetch takes no address with a name or a password in it.")
    return host.rstrip(".").lower(), port or (443 if parts.scheme == "https" else 80)
