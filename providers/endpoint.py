"""Endpoints: address, key and name of a provider."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from .options import Options

LOCAL_SERVERS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        11434: ("Ollama", "Start it with “ollama serve”"),
        1234: ("LM Studio", "Start its server in the Developer tab or with “lms server start”"),
        8080: ("llama.cpp", "Start it with “llama-server -m MODEL.gguf”"),
    }
)
"""Model servers on this computer by their default port: name, and how to start it."""


def no_key() -> str | None:
    """Return no key, for servers that need none."""
    return None


class Timeouts(NamedTuple):
    """Timeouts of requests, in seconds."""

    connect: float = 10.0
    read: float = 120.0
    """Between two pieces of a reply. Large local models take long until the first."""
    write: float = 30.0
    listing: float = 8.0
    """For a complete list of models."""

    @property
    def head(self) -> float:
        """For a request and the headers of its response; a long conversation takes a while on a slow connection."""
        return self.connect + 10 * self.write + self.read


@dataclass(frozen=True, slots=True)
class Endpoint:
    """OpenAI-compatible server."""

    name: str
    """``[a-z0-9][a-z0-9_-]*``, the first part of the refs of its models."""
    url: str = field(repr=False)
    """Address up to, but without, ``/chat/completions``. One without a path gets ``/v1``."""
    key: Callable[[], str | None] = field(default=no_key, repr=False)
    """Called for each request, in a thread. ``OSError`` and ``ValueError`` become a sentence for the user."""
    label: str = ""
    models: tuple[str, ...] = ()
    """If given, exactly these are offered, and no list is requested."""
    context_length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Options = field(default_factory=Options, repr=False)
    """Options of all models."""
    model_options: Mapping[str, Options] = field(default_factory=dict, repr=False)
    """Options of single models, which take precedence."""
    default_model: str = ""
    """Model used if none is chosen. Empty: the first of ``models``, else the first that the server lists."""
    key_hint: str = ""
    """Environment variable that its key is expected in, for sentences."""
    url_hint: str = ""
    """Environment variable that has its url, for sentences. Empty: config.toml."""
    protocol: str = ""
    """Name of its wire protocol; empty: that of its host, else OpenAI's."""

    @property
    def title(self) -> str:
        """Name for sentences."""
        return self.label or self.name

    def options_for(self, model: str) -> Options:
        """Return the options of requests to ``model``."""
        options = self.model_options.get(model)
        return options.over(self.options) if options is not None else self.options

    def context_length_for(self, model: str) -> int | None:
        """Return the context length of ``model``, if the settings state it."""
        return self.options_for(model).context_length or self.context_length

    @property
    def first_model(self) -> str:
        """Model used if none is chosen; "" if only the server knows it."""
        return self.default_model or (self.models[0] if self.models else "")

    def address(
        self, path: str = "", *, default_path: str = "/v1", dropped: tuple[str, ...] = ("/chat/completions",)
    ) -> str:
        """Return the address of ``path`` (``/models``). Raises ``ValueError`` with a sentence for an invalid url.

        ``default_path`` is the path of a url that has none; of ``dropped`` the first that ends the url is taken away.
        """
        parts = _parts(self.url)
        base = parts.path.rstrip("/")
        end = next((end for end in dropped if base.endswith(end)), "")
        base = base.removesuffix(end).rstrip("/") or default_path
        path, _, query = path.partition("?")
        query = "&".join(filter(None, (parts.query, query)))
        return urlunsplit((parts.scheme, parts.netloc, base + path, query, ""))

    @property
    def shown(self) -> str:
        """Address for sentences, without password and query, which may contain a key."""
        try:
            parts = _parts(self.address())
        except ValueError:
            return self.name
        return f"{parts.scheme}://{_host(parts)}{parts.path}"

    @property
    def host(self) -> str:
        """``name:port`` or ``name``, for sentences."""
        try:
            return _host(_parts(self.url))
        except ValueError:
            return self.name

    @property
    def port(self) -> int | None:
        """Explicit port of the address."""
        try:
            return _parts(self.url).port
        except ValueError:
            return None

    @property
    def local(self) -> bool:
        """True if the server runs on this computer."""
        try:
            name = _parts(self.url).hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _parts(url: str) -> SplitResult:
    advice = "It has to begin with http:// or https:// and a host name, as in https://api.example.com/v1."
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - raises ValueError for an invalid port
    except ValueError as error:
        raise ValueError(f"The url is not an address ({error}). {advice}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"The url is not an address. {advice}")
    return parts


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return f"{name}:{parts.port}" if parts.port else name


class EndpointLike(Protocol):
    """Settings of an endpoint; the room ``config`` has such records."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def context_length(self) -> int | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def key_env(self) -> str: ...


E = TypeVar("E", bound=EndpointLike)


def endpoints_from(settings: Iterable[E], key: Callable[[E], str | None]) -> list[Endpoint]:
    """Return the configured endpoints; ``key`` is called for an endpoint's key with each request."""
    return [
        Endpoint(
            name=item.name,
            url=item.url,
            key=partial(key, item),
            label=item.label,
            models=item.models,
            context_length=item.context_length,
            headers=item.headers,
            options=options_from(item, of_endpoint=True),
            model_options={name: options_from(model) for name, model in getattr(item, "model_options", {}).items()},
            key_hint=item.key_env,
            protocol=getattr(item, "protocol", ""),
        )
        for item in settings
    ]


def options_from(settings: object, *, of_endpoint: bool = False) -> Options:
    """Return the options in ``settings``. Headers and context length of an endpoint are fields of its own."""
    names = (
        "parameters",
        "omit",
        "extra_body",
        "stream",
        "images",
        "image_size",
        *(() if of_endpoint else ("headers", "context_length")),
    )
    return Options(**{name: getattr(settings, name) for name in names if hasattr(settings, name)})
