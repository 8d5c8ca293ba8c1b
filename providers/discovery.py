"""Discovery of providers: API keys in the environment, and model servers on this computer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .endpoint import Endpoint, Timeouts
from .endpoint_provider import EndpointProvider
from .events import Model, ProviderError

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Service:
    """Online service whose API key has a common environment variable."""

    name: str
    label: str
    url: str
    variables: tuple[str, ...]
    model: str
    """Default model: a stable alias, if the service has one."""


SERVICES = (
    Service("openai", "OpenAI", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "gpt-5-mini"),
    Service("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), "openrouter/auto"),
    Service("anthropic", "Anthropic", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), "claude-sonnet-4-5"),
    Service(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "gemini-flash-latest",
    ),
    Service("groq", "Groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), "llama-3.3-70b-versatile"),
    Service("mistral", "Mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), "mistral-small-latest"),
)

LOCAL = (
    Endpoint("ollama", "http://127.0.0.1:11434/v1", label="Ollama", protocol="ollama"),
    Endpoint("lmstudio", "http://127.0.0.1:1234/v1", label="LM Studio"),
    Endpoint("llamacpp", "http://127.0.0.1:8080/v1", label="llama.cpp"),
)


CONNECT_TIMEOUT = 2.0
"""Seconds for a connection on this computer: a refusal is immediate, however busy the computer is."""
LIST_TIMEOUT = 5.0
"""Seconds for a list of models, once a connection is made."""
SHORT_WAIT = 1.0
"""Seconds to wait for slow servers once any provider is available."""
LONG_WAIT = 3.0
"""Seconds to wait for slow servers while no provider is available: the computer may be busy."""


class Discovery:
    """Search that asks all candidates at the same time; each is a result as soon as it answers."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        local: Sequence[Endpoint] = LOCAL,
        limit: float = LIST_TIMEOUT,
    ) -> None:
        configured = (_from_environment(service, environ) for service in SERVICES)
        self._configured = [endpoint for endpoint in configured if endpoint is not None]
        candidates = [_ollama(endpoint, environ) if endpoint.name == "ollama" else endpoint for endpoint in local]
        taken = {_location(endpoint) for endpoint in self._configured}
        self._nearby = [endpoint for endpoint in candidates if _location(endpoint) not in taken]
        probed = {endpoint.name: endpoint for endpoint in self._nearby}
        probed |= {endpoint.name: endpoint for endpoint in self._configured if not endpoint.default_model}
        self._available: dict[str, Endpoint] = {}
        self._pending = {asyncio.create_task(self._probe(item, transport, limit)) for item in probed.values()}

    async def first(self, *, wanted: str = "", has_others: bool = False) -> list[Endpoint]:
        """Return the results after ``SHORT_WAIT`` seconds, or after ``LONG_WAIT`` if there are none before.

        ``wanted``: name of the endpoint to wait for. ``has_others``: providers are available without the search.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._pending:
            is_enough = wanted in self._names() if wanted else has_others or bool(self._names())
            end = began + (SHORT_WAIT if is_enough else LONG_WAIT)
            done, self._pending = await asyncio.wait(
                self._pending, timeout=max(0.0, end - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
        return self.results()

    async def rest(self) -> AsyncGenerator[list[Endpoint], None]:
        """Yield all results again each time a slow endpoint has answered."""
        while self._pending:
            done, self._pending = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            if done:
                yield self.results()

    def results(self) -> list[Endpoint]:
        """Return the endpoints available so far, in order of preference."""
        available = self._available
        return [available.get(endpoint.name, endpoint) for endpoint in self._configured] + [
            available.get(endpoint.name, endpoint)
            for endpoint in self._nearby
            if endpoint.name in available or endpoint.url_hint
        ]

    @property
    def is_over(self) -> bool:
        """True if every endpoint has answered or timed out."""
        return not self._pending

    async def aclose(self) -> None:
        """Cancel pending requests. May be called twice."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        self._pending = set()

    def _names(self) -> set[str]:
        return {endpoint.name for endpoint in self._configured} | self._available.keys()

    async def _probe(self, endpoint: Endpoint, transport: httpx.AsyncBaseTransport | None, limit: float) -> None:
        """Request the list of models, the first of which becomes the default."""
        if transport is None and endpoint.local and not await _listens(endpoint):
            return
        models = await _models(endpoint, transport, limit)
        if not models and endpoint.protocol:  # something that imitates it, in the protocol of most
            endpoint = replace(endpoint, protocol="")
            models = await _models(endpoint, transport, limit)
        if models:  # a server without a model cannot reply
            self._available[endpoint.name] = replace(endpoint, default_model=models[0].id)


async def discover(
    environ: Mapping[str, str],
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    local: Sequence[Endpoint] = LOCAL,
    limit: float = LIST_TIMEOUT,
) -> list[Endpoint]:
    """Return the available endpoints: those of the environment, then the local servers that list models in time.

    Online services are not contacted; local servers, and addresses in the environment, are asked for their models. An
    endpoint of the environment is returned even if it does not answer: its error is better than another one's reply.
    """
    search = Discovery(environ, transport=transport, local=local, limit=limit)
    try:
        return await search.first()
    finally:
        await search.aclose()


async def _models(endpoint: Endpoint, transport: httpx.AsyncBaseTransport | None, limit: float) -> list[Model]:
    """Return the models of an endpoint; none if nothing is there, or something else: that is not worth a message."""
    provider = EndpointProvider(
        endpoint, transport=transport, timeouts=Timeouts(connect=limit, read=limit, write=limit, listing=limit)
    )
    try:
        return await provider.models()
    except ProviderError:
        return []
    finally:
        await provider.aclose()


def _from_environment(service: Service, environ: Mapping[str, str]) -> Endpoint | None:
    variable = next((name for name in service.variables if environ.get(name, "").strip()), None)
    base = environ.get("OPENAI_BASE_URL", "").strip() if service.name == "openai" else ""
    if variable is None and not base:
        return None
    endpoint = Endpoint(
        service.name,
        base or service.url,
        key=partial(environ.get, variable) if variable else partial(environ.get, service.variables[0]),
        label=service.label,
        default_model=service.model,
        key_hint=variable or service.variables[0],
        url_hint="OPENAI_BASE_URL" if base else "",
    )
    if base and endpoint.host != "api.openai.com":
        return replace(endpoint, label=endpoint.host, default_model="")
    return endpoint


def _ollama(endpoint: Endpoint, environ: Mapping[str, str]) -> Endpoint:
    """Return Ollama at ``OLLAMA_HOST``: ``host``, ``host:port``, ``:port`` or an address; 0.0.0.0 is this computer."""
    value = environ.get("OLLAMA_HOST", "").strip().strip("\"'")
    if not value:
        return endpoint
    scheme, separator, rest = value.rpartition("://")
    host, colon, port = rest.partition("/")[0].rpartition(":")
    if not colon or not port.isdecimal():
        default = {"http": "80", "https": "443"}.get(scheme, "11434") if separator else "11434"
        host, port = rest.partition("/")[0], default
    host = "127.0.0.1" if host in ("", "0.0.0.0", "[::]", "::") else host
    moved = replace(endpoint, url=f"{scheme or 'http'}://{host}:{port}/v1", url_hint="OLLAMA_HOST")
    return moved if moved.port else endpoint


def _location(endpoint: Endpoint) -> tuple[str, int | None]:
    return ("this computer" if endpoint.local else endpoint.host, endpoint.port)


async def _listens(endpoint: Endpoint) -> bool:
    """Return whether the endpoint accepts connections. Checked before httpx is loaded for it."""
    host = urlsplit(endpoint.url).hostname or ""
    port = endpoint.port or (443 if endpoint.url.startswith("https") else 80)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
