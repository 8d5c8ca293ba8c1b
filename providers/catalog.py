"""All models a person can ask, by the name of the endpoint that has them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from .endpoint import Endpoint, Timeouts
from .events import Failed, FailureKind, Model, Provider, ProviderError
from .model_cache import Memory
from .openai import OpenAIProvider

if TYPE_CHECKING:
    import httpx

    from .discovery import Discovery

LEARN = 4.0
"""Seconds for a list that is only to say how much a model takes."""


class Catalog:
    """The endpoints in their order of preference, and last the guide that needs none."""

    problems: dict[str, str]
    """Why an endpoint's models are not listed: its name and a sentence."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        guide: Provider,
        transport: httpx.AsyncBaseTransport | None = None,
        default: str | None = None,
        timeouts: Timeouts | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.problems = {}
        self.finders: list[Callable[[], Awaitable[None]]] = []
        """Each may add more, whenever models are asked for."""
        self.on_added: Callable[[], Awaitable[None]] | None = None
        """Called when a slow search has added more."""
        self.default = default
        self._guide = guide
        self._transport = transport
        self._timeouts = timeouts or Timeouts()
        self._memory = memory or Memory()
        self._spare: set[str] = set()
        self._learning: dict[str, asyncio.Task[None]] = {}
        """Endpoints whose list was asked for, only to learn how much a model takes."""
        self._searches: dict[Discovery, asyncio.Task[None]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._providers: dict[str, Provider] = {guide.name: guide}
        self._listed: dict[str, list[Model]] = {}
        self._replaced: list[Provider] = []
        self.add(endpoints)

    def add(self, endpoints: Iterable[Endpoint], *, replace: bool = False) -> list[str]:
        """Names that are new. An endpoint whose name is taken is left out, or put in the other's place (``replace``).

        What is configured comes first and is not pushed out by what is found. Replies that run go on where they began.
        """
        new = []
        for endpoint in endpoints:
            if replace and endpoint.name in self._endpoints:
                self._replaced.append(self._providers[endpoint.name])
                self._endpoints[endpoint.name] = endpoint
                self._providers[endpoint.name] = self._provider(endpoint)
                self._listed.pop(endpoint.name, None)
                self._learning.pop(endpoint.name, None)
            elif endpoint.name not in self._providers:
                self._endpoints[endpoint.name] = endpoint
                self.add_provider(self._provider(endpoint))
                new.append(endpoint.name)
        return new

    def remove(self, name: str) -> None:
        """Offer an endpoint no more. Replies that run go on; its connections are closed with the rest."""
        if name in self._endpoints:
            del self._endpoints[name]
            self._replaced.append(self._providers.pop(name))
            self._listed.pop(name, None)
            self.problems.pop(name, None)

    def add_later(self, search: Discovery) -> None:
        """Add what a search that goes on finds, when it finds it."""

        async def follow() -> None:
            async for endpoints in search.rest():
                if self.add(endpoints) and self.on_added is not None:
                    await self.on_added()

        self._searches[search] = asyncio.create_task(follow())

    def add_provider(self, provider: Provider, *, spare: bool = False) -> None:
        """Offer another kind of back end under its own name. A ``spare`` one answers only when it is named."""
        self._providers.setdefault(provider.name, provider)
        if spare:
            self._spare.add(provider.name)

    def names(self) -> list[str]:
        """Names of all back ends, the spare ones and the guide's last."""
        others = [name for name in self._providers if name != self._guide.name]
        return [*sorted(others, key=lambda name: name in self._spare), self._guide.name]

    @property
    def has_only_the_guide(self) -> bool:
        """Whether nobody but the guide answers where no model is named."""
        return not self._providers.keys() - self._spare - {self._guide.name}

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of that name; the guide has none."""
        return self._endpoints.get(name)

    def title(self, name: str) -> str:
        """What people call a back end; empty where it has no name but its own."""
        endpoint = self._endpoints.get(name)
        return endpoint.title if endpoint is not None else str(getattr(self._providers.get(name), "title", ""))

    def default_ref(self) -> str:
        """What is asked when a person names no model: as set, else the first endpoint's model, else the guide's.

        An endpoint whose models are not known yet gives ``name/``: it is asked for its list with the first request.
        """
        if self.default:
            return self.default
        for name in self.names():
            if name == self._guide.name or name in self._spare:
                break
            return f"{name}/{self._first_model(name)}"
        return f"{self._guide.name}/guide"

    def resolve(self, ref: str | None) -> tuple[Provider, str]:
        """Who answers ``endpoint/model`` and the model's own id; a bare endpoint or a bare model id will do.

        Raises :class:`ProviderError` with a sentence when nobody has it.
        """
        ref = (ref or "").strip() or self.default_ref()
        name, slash, model = ref.partition("/")
        if name in self._providers:
            return self._providers[name], model or self._first_model(name)
        for one in self._known():
            if one.id == ref:
                return self._providers[one.endpoint], one.id
        subject = f"There is no provider named “{name}”" if slash else f"No provider is known to have the model “{ref}”"
        names = ", ".join(self.names())
        raise ProviderError(
            Failed(
                FailureKind.UNCONFIGURED,
                f"{subject}. Choose a model of one of these: {names}; or add [endpoints.{_bare(name)}] to config.toml.",
            )
        )

    def context_length(self, ref: str | None) -> int | None:
        """Tokens the model takes, when the settings, its list, or an earlier answer say so."""
        try:
            provider, model = self.resolve(ref)
        except ProviderError:
            return None
        endpoint = self._endpoints.get(provider.name)
        if endpoint is not None and (length := endpoint.length_for(model)):
            return length
        listed = next((one for one in self._known() if one.endpoint == provider.name and one.id == model), None)
        learned = self._memory.length(endpoint.url, model) if endpoint is not None else None
        return learned or (listed.context_length if listed else None)

    async def learn_length(self, ref: str | None) -> None:
        """Ask the endpoint for its list, once, if that may say how much the model takes; a failure is no matter."""
        try:
            provider, _ = self.resolve(ref)
        except ProviderError:
            return
        name, endpoint = provider.name, self._endpoints.get(provider.name)
        if endpoint is None or endpoint.models or name in self._listed or self._memory.is_listed(endpoint.url):
            return
        if name not in self._learning:
            self._learning[name] = asyncio.create_task(self._learn(provider), name=f"learn {name}")
        await asyncio.shield(self._learning[name])

    async def _learn(self, provider: Provider) -> None:
        with suppress(TimeoutError, ProviderError):
            async with asyncio.timeout(LEARN):
                self._listed[provider.name] = await provider.models()

    def known(self) -> list[Model]:
        """The models known by now, endpoint by endpoint, without asking anybody."""
        return list(self._known())

    async def models(self, *, refresh: bool = False) -> list[Model]:
        """Every model, endpoint by endpoint. An endpoint that fails is told in :attr:`problems`; the rest is listed."""
        for find in self.finders:
            await find()
        names = self.names()
        missing = [name for name in names if refresh or name not in self._listed]
        await asyncio.gather(*(self._list(name) for name in missing))
        return [model for name in names for model in self._listed.get(name, [])]

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        background = [*self._learning.values(), *self._searches.values()]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.gather(*(search.aclose() for search in self._searches))
        await asyncio.gather(*(provider.aclose() for provider in [*self._providers.values(), *self._replaced]))

    def _provider(self, endpoint: Endpoint) -> Provider:
        return OpenAIProvider(endpoint, transport=self._transport, timeouts=self._timeouts, memory=self._memory)

    async def _list(self, name: str) -> None:
        try:
            self._listed[name] = await self._providers[name].models()
            self.problems.pop(name, None)
        except ProviderError as error:
            self.problems[name] = str(error)

    def _first_model(self, name: str) -> str:
        endpoint = self._endpoints.get(name)
        if endpoint is not None and endpoint.first_model:
            return endpoint.first_model
        listed = self._listed.get(name)
        if listed:
            return listed[0].id
        return "guide" if name == self._guide.name else ""

    def _known(self) -> Iterable[Model]:
        for name in self.names():
            endpoint = self._endpoints.get(name)
            if name in self._listed:
                yield from self._listed[name]
            elif endpoint is not None:
                for model in {endpoint.default_model, *endpoint.models} - {""}:
                    yield Model(name, model)


def _bare(name: str) -> str:
    """``name`` as a table's name in a settings file, or ``NAME`` when it cannot be one."""
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else "NAME"
