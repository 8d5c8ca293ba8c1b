"""Rows of the list of providers: configured, detected, or offered by the server of the account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from textual.content import Content

from sterna.providers.discovery import LOCAL, SERVICES
from sterna.storage.text import one_line

if TYPE_CHECKING:
    from sterna.config import EndpointSettings, Settings
    from sterna.providers import Catalog

ADD = ""
"""Name of the line that adds a provider."""
NAME_LENGTH = 40
QUIET = "$foreground 75%"


@dataclass(frozen=True, slots=True)
class Known:
    """Service that is added without typing its address."""

    name: str
    url: str
    note: str
    needs_key: bool = True


def _domain(url: str) -> str:
    return ".".join((urlsplit(url).hostname or "").split(".")[-2:])


KNOWN = (
    *(Known(service.label, service.url, _domain(service.url)) for service in SERVICES),
    *(Known(local.label, local.url, "on this computer", needs_key=False) for local in LOCAL),
)


@dataclass(frozen=True, slots=True)
class Row:
    """Row of the list."""

    name: str
    content: Content
    settings: EndpointSettings | None = None
    """Table in config.toml; None for a provider that is not configured there."""
    origin: str = ""
    """Origin, as a part of a sentence."""


def provider_rows(settings: Settings, catalog: Catalog | None) -> list[Row]:
    """Return every provider in the order of preference, and at the end the row that adds one."""
    configured = {endpoint.name: endpoint for endpoint in settings.endpoints}
    others = [name for name in (catalog.names() if catalog is not None else ()) if name not in configured]
    rows: list[Row] = []
    for name in [*configured, *others]:
        endpoint = catalog.endpoint(name) if catalog is not None else None
        title = one_line(catalog.title(name) if catalog is not None else name, NAME_LENGTH)
        table = configured.get(name)
        if table is not None:
            problem = catalog.problems.get(name) if catalog is not None else None
            address = endpoint.shown if endpoint is not None else table.url
            note = "" if problem is None else "not reachable"
            rows.append(Row(name, _line(table.label or name, address, note), table))
        elif endpoint is not None:
            rows.append(Row(name, _line(name, endpoint.shown, "detected"), origin="detected automatically"))
        elif title:
            rows.append(Row(name, _line(name, title, "your server"), origin="offered by the server you signed in to"))
    if not rows:
        guide = Content.styled("No providers yet. The built-in guide replies for now.", QUIET)
        rows.append(Row("guide", guide, origin="built in"))
    return [*rows, Row(ADD, Content.styled("+ Add a provider", "$primary"))]


def _line(name: str, address: str, note: str) -> Content:
    parts = [(one_line(name, NAME_LENGTH), "bold"), ("  " + one_line(address, 80), QUIET)]
    if note:
        parts.append((f"  {note}", "$warning" if note == "not reachable" else QUIET))
    return Content.assemble(*parts)


def table_name(label: str, taken: set[str]) -> str:
    """Return a free name for ``[endpoints.NAME]`` made from the label of a provider."""
    plain = re.sub(r"[^a-z0-9]+", "-", label.strip().lower()).strip("-") or "provider"
    names = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken and name != "guide")


def full_address(typed: str) -> str | None:
    """Return an address with its scheme, which may be left out; None where it names no host.

    Without a scheme a host on this machine or in a private network is asked with http, any other with https.
    """
    typed = typed.strip()
    if not typed.endswith("://"):
        typed = typed.rstrip("/")
    if not typed or any(character.isspace() for character in typed):
        return None
    scheme, separator, _ = typed.partition("://")
    if separator and scheme.lower() not in ("http", "https"):
        return None
    try:
        parts = urlsplit(typed if separator else f"//{typed}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    return typed if separator else f"{'http' if _is_local(host) else 'https'}://{typed}"


def _is_local(host: str) -> bool:
    """Return whether a host is this machine or one in the local network, where certificates are rare."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal"))
    return address.is_private or address.is_loopback
