"""Where models are served: an address, a way to a key, and what a person calls it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from .options import Options

LOCAL_SERVERS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        11434: ("Ollama", "Start it with “ollama serve”"),
        1234: ("LM Studio", "Start its server in the Developer tab or with “lms server start”"),
        8080: ("llama.cpp", "Start it with “llama-server -m MODEL.gguf”"),
    }
)
"""The usual ports of model servers on one's own machine: a name, and how it is started."""


def no_key() -> str | None:
    """No key, for servers that ask for none."""
    return None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait before giving up."""

    connect: float = 10.0
    read: float = 120.0
    """Between two pieces of a reply. Large local models think long before the first."""
    write: float = 30.0
    listing: float = 8.0
    """For a whole list of models."""

    @property
    def head(self) -> float:
        """For all of a request and the headers of its answer; a long conversation takes a while on a slow line."""
        return self.connect + 10 * self.write + self.read


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One OpenAI-compatible server."""

    name: str
    """``[a-z0-9][a-z0-9_-]*``: the first part of its models' refs."""
    url: str = field(repr=False)
    """Up to and without ``/chat/completions``. An address without a path gets ``/v1``."""
    key: Callable[[], str | None] = field(default=no_key, repr=False)
    """Asked at each request, in a thread. ``OSError`` and ``ValueError`` become a sentence for the person."""
    label: str = ""
    models: tuple[str, ...] = ()
    """When given, exactly these are offered and the server is not asked for a list."""
    context_length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Options = field(default_factory=Options, repr=False)
    """For every model."""
    model_options: Mapping[str, Options] = field(default_factory=dict, repr=False)
    """For single models, over those for every one."""
    default_model: str = ""
    """Taken when a person names no model. Empty: the first of ``models``, else the first that the server lists."""
    key_hint: str = ""
    """Where its key is expected, for sentences: the name of an environment variable."""
    url_hint: str = ""
    """Where its url is from, for sentences: the name of an environment variable. Empty: config.toml."""

    @property
    def title(self) -> str:
        """What sentences call it."""
        return self.label or self.name

    def options_for(self, model: str) -> Options:
        """The options of requests to ``model``."""
        own = self.model_options.get(model)
        return own.over(self.options) if own is not None else self.options

    def length_for(self, model: str) -> int | None:
        """Tokens that ``model`` takes, as far as the settings say."""
        return self.options_for(model).context_length or self.context_length

    @property
    def first_model(self) -> str:
        """The model taken when none is named, as far as it is known without asking the server."""
        return self.default_model or (self.models[0] if self.models else "")

    def address(self, path: str = "") -> str:
        """The full address of ``path`` (``/models``). Raises ``ValueError`` with a sentence when the url is none."""
        parts = _parts(self.url)
        base = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/") or "/v1"
        return urlunsplit((parts.scheme, parts.netloc, base + path, parts.query, ""))

    @property
    def shown(self) -> str:
        """The address for sentences: no password and no query, which may hold a key."""
        try:
            parts = _parts(self.address())
        except ValueError:
            return self.name
        return f"{parts.scheme}://{_host(parts)}{parts.path}"

    @property
    def host(self) -> str:
        """``name:port`` or ``name`` for sentences."""
        try:
            return _host(_parts(self.url))
        except ValueError:
            return self.name

    @property
    def port(self) -> int | None:
        """The port that is spelled out in the address."""
        try:
            return _parts(self.url).port
        except ValueError:
            return None

    @property
    def local(self) -> bool:
        """Whether it runs on this machine."""
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
        parts.port  # noqa: B018 - a port that is no number shows itself only here
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
    """What the settings say about an endpoint; the room ``config`` has such records."""

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
    """Endpoints as configured; ``key`` is asked for an endpoint's key at each request."""
    return [
        Endpoint(
            name=one.name,
            url=one.url,
            key=partial(key, one),
            label=one.label,
            models=one.models,
            context_length=one.context_length,
            headers=one.headers,
            options=options_from(one, own=True),
            model_options={name: options_from(it) for name, it in getattr(one, "model_options", {}).items()},
            key_hint=one.key_env,
        )
        for one in settings
    ]


def options_from(settings: object, *, own: bool = False) -> Options:
    """Options out of settings that have some of them. ``own``: an endpoint's, whose headers and length it keeps."""
    names = ("parameters", "omit", "extra_body", "stream", *(() if own else ("headers", "context_length")))
    return Options(**{name: getattr(settings, name) for name in names if hasattr(settings, name)})
