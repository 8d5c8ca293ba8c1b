"""What is there already: keys in the environment, and model servers on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .endpoint import Endpoint, Timeouts
from .events import ProviderError
from .openai import OpenAIProvider

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Service:
    """A service on the internet whose key has a usual variable."""

    name: str
    label: str
    url: str
    variables: tuple[str, ...]
    model: str
    """What is asked when nothing is named: an alias that stays, where the service has one."""


SERVICES = (
    Service("openai", "OpenAI", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "gpt-5-mini"),
    Service("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), "openrouter/auto"),
    Service("anthropic", "Anthropic", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), "claude-sonnet-4-5"),
    Service(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "gemini-flash-latest",
    ),
    Service("groq", "Groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), "llama-3.3-70b-versatile"),
    Service("mistral", "Mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), "mistral-small-latest"),
)

LOCAL = (
    Endpoint("ollama", "http://127.0.0.1:11434/v1", label="Ollama"),
    Endpoint("lmstudio", "http://127.0.0.1:1234/v1", label="LM Studio"),
    Endpoint("llamacpp", "http://127.0.0.1:8080/v1", label="llama.cpp"),
)


CONNECT = 2.0
"""Seconds for a connection on this machine: one that is refused is refused at once, however busy the machine is."""
ANSWER = 5.0
"""Seconds for a list of models, once something has taken the connection."""
SOON = 1.0
"""Seconds that a slow server keeps others waiting: those that have answered, or whatever else can be asked."""
PATIENCE = 3.0
"""Seconds that a slow server is waited for while nothing can be asked: the machine may be busy."""


class Discovery:
    """One search: all are asked at the same time, and each is a result as soon as it has answered."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        local: Sequence[Endpoint] = LOCAL,
        limit: float = ANSWER,
    ) -> None:
        self._named = [endpoint for service in SERVICES if (endpoint := _of_environment(service, environ)) is not None]
        candidates = [_ollama(endpoint, environ) if endpoint.name == "ollama" else endpoint for endpoint in local]
        taken = {_place(endpoint) for endpoint in self._named}
        self._near = [endpoint for endpoint in candidates if _place(endpoint) not in taken]
        asked = {endpoint.name: endpoint for endpoint in self._near}
        asked |= {endpoint.name: endpoint for endpoint in self._named if not endpoint.default_model}
        self._answered: dict[str, Endpoint] = {}
        self._pending = {asyncio.create_task(self._ask(one, transport, limit)) for one in asked.values()}

    async def first(self, *, wanted: str = "", has_others: bool = False) -> list[Endpoint]:
        """Return what is found after ``SOON`` seconds, or after ``PATIENCE`` where nothing can be asked before.

        ``wanted``: the name of the one that is waited for. ``has_others``: something can be asked without a search.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._pending:
            enough = wanted in self._names() if wanted else has_others or bool(self._names())
            end = began + (SOON if enough else PATIENCE)
            done, self._pending = await asyncio.wait(
                self._pending, timeout=max(0.0, end - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
        return self.found()

    async def rest(self) -> AsyncGenerator[list[Endpoint], None]:
        """Yield what is found each time that a slow one has answered."""
        while self._pending:
            done, self._pending = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            if done:
                yield self.found()

    def found(self) -> list[Endpoint]:
        """Return what can be asked by now, in the order of preference."""
        answered = self._answered
        return [answered.get(endpoint.name, endpoint) for endpoint in self._named] + [
            answered.get(endpoint.name, endpoint)
            for endpoint in self._near
            if endpoint.name in answered or endpoint.url_hint
        ]

    @property
    def is_over(self) -> bool:
        """Whether every one has answered, or had its time."""
        return not self._pending

    async def aclose(self) -> None:
        """Give up those that have not answered. Safe to call twice."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        self._pending = set()

    def _names(self) -> set[str]:
        return {endpoint.name for endpoint in self._named} | self._answered.keys()

    async def _ask(self, endpoint: Endpoint, transport: httpx.AsyncBaseTransport | None, limit: float) -> None:
        """Ask for models, the first of which is the one to take."""
        if transport is None and endpoint.local and not await _listens(endpoint):
            return
        provider = OpenAIProvider(
            endpoint, transport=transport, timeouts=Timeouts(connect=limit, read=limit, write=limit, listing=limit)
        )
        try:
            models = await provider.models()
        except ProviderError:
            return  # nothing there, or something else: not ours to report
        finally:
            await provider.aclose()
        if models:  # a server without a model cannot answer anything yet
            self._answered[endpoint.name] = replace(endpoint, default_model=models[0].id)


async def discover(
    environ: Mapping[str, str],
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    local: Sequence[Endpoint] = LOCAL,
    limit: float = ANSWER,
) -> list[Endpoint]:
    """Endpoints that can be asked: those that the environment names, then the local servers that list models in time.

    Services on the internet are not contacted; what the environment gives an address of its own, and the local servers,
    are asked for models. What the environment names is kept though it does not answer: its error says more than another
    one's reply.
    """
    search = Discovery(environ, transport=transport, local=local, limit=limit)
    try:
        return await search.first()
    finally:
        await search.aclose()


def _of_environment(service: Service, environ: Mapping[str, str]) -> Endpoint | None:
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
    """Ollama where ``OLLAMA_HOST`` says: ``host``, ``host:port``, ``:port`` or an address; 0.0.0.0 is this machine."""
    value = environ.get("OLLAMA_HOST", "").strip().strip("\"'")
    if not value:
        return endpoint
    scheme, found, rest = value.rpartition("://")
    host, colon, port = rest.partition("/")[0].rpartition(":")
    if not colon or not port.isdecimal():
        host, port = rest.partition("/")[0], {"http": "80", "https": "443"}.get(scheme, "11434") if found else "11434"
    host = "127.0.0.1" if host in ("", "0.0.0.0", "[::]", "::") else host
    there = replace(endpoint, url=f"{scheme or 'http'}://{host}:{port}/v1", url_hint="OLLAMA_HOST")
    return there if there.port else endpoint


def _place(endpoint: Endpoint) -> tuple[str, int | None]:
    return ("this machine" if endpoint.local else endpoint.host, endpoint.port)


async def _listens(endpoint: Endpoint) -> bool:
    """Whether anything takes a connection there. It is asked before httpx is loaded for it."""
    host = urlsplit(endpoint.url).hostname or ""
    port = endpoint.port or (443 if endpoint.url.startswith("https") else 80)
    try:
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
