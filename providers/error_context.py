"""Context of one request: everything that a sentence about its failure may name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from .endpoint import Endpoint
from .untrusted_text import redact, single_line


class ErrorContext(NamedTuple):
    """Endpoint, model and proxy of one request, and the secrets that no sentence may contain."""

    endpoint: Endpoint
    model: str = ""
    secrets: tuple[str, ...] = ()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    proxy: str = ""
    """Proxy that the request goes through, for sentences."""

    def __repr__(self) -> str:
        """Leave out the secrets."""
        return f"{type(self).__name__}({self.endpoint!r}, {self.model!r})"

    @property
    def title(self) -> str:
        """Name of the provider; its settings may contain anything."""
        return self.safe(self.endpoint.title)

    @property
    def model_name(self) -> str:
        """Id of the model."""
        return self.safe(self.model)[:120]

    @property
    def host(self) -> str:
        """Host of the provider."""
        return self.safe(self.endpoint.host)

    @property
    def setting(self) -> str:
        """Setting that has the provider's address."""
        return self.endpoint.url_hint or f"the url of “{self.endpoint.name}” in config.toml"

    def safe(self, text: str) -> str:
        """Return ``text`` in one line and without secrets."""
        return redact(single_line(text), self.secrets)


def secrets_of(endpoint: Endpoint, key: str | None) -> tuple[str, ...]:
    """Return the secrets of an endpoint: its key, the values of its headers, password and query of its url."""
    parts = urlsplit(endpoint.address())
    query = [value for pair in parts.query.split("&") for value in pair.split("=")[1:]]
    password = [unquote(parts.password)] if parts.password else []
    return tuple(filter(None, (key or "", *endpoint.headers.values(), *password, *query)))
