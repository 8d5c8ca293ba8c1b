"""Addresses of servers in one canonical form, so that data of one server is never sent to another."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import BadAddress, InsecureAddress


@dataclass(frozen=True, slots=True)
class Server:
    """Validated address of a server."""

    origin: str
    """``scheme://host[:port][/path]`` in canonical form; sign-ins and files of accounts are bound to it."""
    host: str
    """Host for sentences, with its port where that is not the default."""
    local: bool
    """On this computer: plain http is allowed, and no proxy is used."""

    def url(self, path: str) -> str:
        """Return the URL of ``path`` at this server."""
        return f"{self.origin}{path}"


def server_of(text: str) -> Server:
    """Return the server at an address that a person entered. Without a scheme it is https, or http on this computer.

    Raises :class:`BadAddress` or :class:`InsecureAddress`.
    """
    address = text.strip()
    invalid = BadAddress("This is not a server address. Use the form https://sterna.example.org")
    if not address or len(address) > 500 or not address.isprintable() or any(sign in address for sign in " \\<>\"'"):
        raise invalid
    scheme, separator, _ = address.partition("://")
    try:
        parts = urlsplit(address if separator else f"//{address}")
        host, port = parts.hostname or "", parts.port
        host = (host if ":" in host else host.rstrip(".").encode("idna").decode("ascii")).lower()
    except (ValueError, UnicodeError):
        raise invalid from None
    if not host or (separator and scheme.lower() not in ("http", "https")):
        raise invalid
    if parts.username is not None or parts.query or parts.fragment:
        raise BadAddress("An address has no user name, password, ? or #. Use the form https://sterna.example.org")
    local = is_loopback(host)
    scheme = scheme.lower() if separator else "http" if local else "https"
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        shown = f"{shown}:{port}"
    if scheme == "http" and not local:
        raise InsecureAddress(f"http://{shown} would send your password and history unencrypted. Use https://{shown}.")
    return Server(f"{scheme}://{shown}{parts.path.rstrip('/')}", shown, local)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this computer."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
