"""What can answer questions, as the settings list it: configured by hand, detected, or offered by the own server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from textual.content import Content

from sterna.storage.text import one_line

if TYPE_CHECKING:
    from sterna.config import EndpointSettings, Settings
    from sterna.providers import Catalog

ADD = ""
"""Name of the line that adds a provider."""
NAME_LENGTH = 40
QUIET = "$foreground 75%"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    name: str
    content: Content
    settings: EndpointSettings | None = None
    """Its table in config.toml; None where it was found and not written by hand."""
    origin: str = ""
    """Where it comes from, for a sentence."""


def rows(settings: Settings, catalog: Catalog | None) -> list[Row]:
    """Return every provider in the order of preference, and at the end the line that adds one."""
    written = {one.name: one for one in settings.endpoints}
    found: list[Row] = []
    for name in [*written, *(one for one in (catalog.names() if catalog is not None else ()) if one not in written)]:
        endpoint = catalog.endpoint(name) if catalog is not None else None
        title = one_line(catalog.title(name) if catalog is not None else name, NAME_LENGTH)
        mine = written.get(name)
        if mine is not None:
            problem = catalog.problems.get(name) if catalog is not None else None
            address = endpoint.shown if endpoint is not None else mine.url
            found.append(
                Row(name, _line(mine.label or name, address, "" if problem is None else "not reachable"), mine)
            )
        elif endpoint is not None:
            found.append(Row(name, _line(name, endpoint.shown, "detected"), origin="detected automatically"))
        elif title:
            found.append(Row(name, _line(name, title, "your server"), origin="offered by the server you signed in to"))
    if not found:
        found.append(Row("guide", Content.styled("No providers yet. The built-in guide replies for now.", QUIET),
                         origin="built in"))  # fmt: skip
    return [*found, Row(ADD, Content.styled("+ Add a provider", "$primary"))]


def _line(name: str, address: str, note: str) -> Content:
    parts = [(one_line(name, NAME_LENGTH), "bold"), ("  " + one_line(address, 80), QUIET)]
    if note:
        parts.append((f"  {note}", "$warning" if note == "not reachable" else QUIET))
    return Content.assemble(*parts)


def table_name(label: str, taken: set[str]) -> str:
    """Return a free name for ``[endpoints.NAME]`` made from what a person calls a provider."""
    plain = re.sub(r"[^a-z0-9]+", "-", label.strip().lower()).strip("-") or "provider"
    names = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken and name != "guide")


def full_address(typed: str) -> str | None:
    """Return an address with its scheme, which may be left out; None where it names no host.

    Without a scheme a host on this machine or in a private network is asked over http, any other over https.
    """
    typed = typed.strip()
    if not typed.endswith("://"):
        typed = typed.rstrip("/")
    if not typed or any(character.isspace() for character in typed):
        return None
    scheme, found, _ = typed.partition("://")
    if found and scheme.lower() not in ("http", "https"):
        return None
    try:
        parts = urlsplit(typed if found else f"//{typed}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    return typed if found else f"{'http' if _is_near(host) else 'https'}://{typed}"


def _is_near(host: str) -> bool:
    """Tell whether a host is this machine or one beside it, where certificates are rare."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal"))
    return address.is_private or address.is_loopback
