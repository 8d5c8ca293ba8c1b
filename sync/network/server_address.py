"""Where a server is: its address in one form, so that what belongs to one server is never sent to another."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import BadAddress, Insecure


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server, checked."""

    origin: str
    """``scheme://host[:port][/path]`` in one form: what a sign-in and an account's file are bound to."""
    host: str
    """With its port where that is not the usual one: for sentences."""
    local: bool
    """On this computer: plain http is allowed, and no proxy leads there."""

    def url(self, path: str) -> str:
        """An address under this server's."""
        return f"{self.origin}{path}"


def server_of(text: str) -> Server:
    """The server that a person means. Without a scheme https is meant, and http on this computer.

    Raises :class:`BadAddress` or :class:`Insecure`.
    """
    told = text.strip()
    wrong = BadAddress("This is no address of a server. Give one as in https://sterna.example.org")
    if not told or len(told) > 500 or not told.isprintable() or any(one in told for one in " \\<>\"'"):
        raise wrong
    scheme, found, _ = told.partition("://")
    try:
        parts = urlsplit(told if found else f"//{told}")
        host, port = parts.hostname or "", parts.port
        host = (host if ":" in host else host.rstrip(".").encode("idna").decode("ascii")).lower()
    except (ValueError, UnicodeError):
        raise wrong from None
    if not host or (found and scheme.lower() not in ("http", "https")):
        raise wrong
    if parts.username is not None or parts.query or parts.fragment:
        raise BadAddress("An address has no name, password, ? or # in it. Give one as in https://sterna.example.org")
    local = is_loopback(host)
    scheme = scheme.lower() if found else "http" if local else "https"
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        shown = f"{shown}:{port}"
    if scheme == "http" and not local:
        raise Insecure(
            f"http://{shown} would send the password and the history readable for all on the way. Use https://{shown}."
        )
    return Server(f"{scheme}://{shown}{parts.path.rstrip('/')}", shown, local)


def is_loopback(host: str) -> bool:
    """Whether that name or number is this computer."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
