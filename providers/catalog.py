"""Catalog of all providers and their models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, NamedTuple

from .endpoint import Endpoint, Timeouts
from .endpoint_provider import EndpointProvider
from .events import Failed, FailureKind, Model, Provider, ProviderError
from .model_cache import ModelCache
from .model_downloads import ModelDownloads
from .model_names import image_side

if TYPE_CHECKING:
    import httpx

    from .discovery import Discovery

LENGTH_TIMEOUT = 4.0
"""Seconds for a list that is requested only for the context length of a model."""


class Rates(NamedTuple):
    """US dollars per token."""

    input: float
    output: float
    cached_input: float
    source: str
    """``list`` or ``settings``."""


class Catalog:
    """Providers in order of preference; the built-in guide is the last."""

    problems: dict[str, str]
    """Reason why a provider's models could not be listed, as a sentence, by the provider's name."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        guide: Provider,
        transport: httpx.AsyncBaseTransport | None = None,
        default: str | None = None,
        timeouts: Timeouts | None = None,
        cache: ModelCache | None = None,
        retries: int = 0,
    ) -> None:
        self.problems = {}
        self.finders: list[Callable[[], Awaitable[None]]] = []
        """Called whenever models are listed; each may add providers."""
        self.on_added: Callable[[], Awaitable[None]] | None = None
        """Called when a slow search has added providers."""
        self.default = default
        self.stated_rates: Mapping[str, Rates] = {}
        """Prices by ``provider/model``, for models whose provider's list states none."""
        self.rediscover: Callable[[], Awaitable[object]] | None = None
        """Looks for providers again, on behalf of a prompt that waits for one that is not there."""
        self._guide = guide
        self._transport = transport
        self._timeouts = timeouts or Timeouts()
        self._cache = cache or ModelCache()
        self._retries = retries
        self._explicit: set[str] = set()
        self._length_requests: dict[str, asyncio.Task[None]] = {}
        """Requests for lists, made only for the context length of a model."""
        self._searches: dict[Discovery, asyncio.Task[None]] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._endpoints: dict[str, Endpoint] = {}
        self._providers: dict[str, Provider] = {guide.name: guide}
        self._listed: dict[str, list[Model]] = {}
        self._replaced: list[Provider] = []
        self.downloads = ModelDownloads(self._endpoints, self._listed, self.problems, self.resolve, self._list)
        self.add(endpoints)

    def add(self, endpoints: Iterable[Endpoint], *, replace: bool = False) -> list[str]:
        """Add endpoints, and return the names that are new. One whose name is taken is ignored, or replaces the other.

        Configured endpoints are added first, so that discovered ones do not replace them. Running replies continue.
        """
        new = []
        for endpoint in endpoints:
            if replace and endpoint.name in self._endpoints:
                self._replaced.append(self._providers[endpoint.name])
                self._endpoints[endpoint.name] = endpoint
                self._providers[endpoint.name] = self._provider(endpoint)
                self._listed.pop(endpoint.name, None)
                self._length_requests.pop(endpoint.name, None)
            elif endpoint.name not in self._providers:
                self._endpoints[endpoint.name] = endpoint
                self.add_provider(self._provider(endpoint))
                new.append(endpoint.name)
        return new

    def remove(self, name: str) -> None:
        """Remove an endpoint. Running replies continue; its connections are closed with the others."""
        if name in self._endpoints:
            del self._endpoints[name]
            self._replaced.append(self._providers.pop(name))
            self._listed.pop(name, None)
            self.problems.pop(name, None)

    def add_later(self, search: Discovery) -> None:
        """Add the results of a running search as they come."""

        async def follow() -> None:
            async for endpoints in search.rest():
                if self.add(endpoints) and self.on_added is not None:
                    await self.on_added()

        self._searches[search] = asyncio.create_task(follow())

    def add_provider(self, provider: Provider, *, explicit: bool = False) -> None:
        """Add a provider of another kind under its own name. An ``explicit`` one is used only if it is chosen."""
        self._providers.setdefault(provider.name, provider)
        if explicit:
            self._explicit.add(provider.name)

    def names(self) -> list[str]:
        """Return the names of all providers; explicit ones and the guide are the last."""
        others = [name for name in self._providers if name != self._guide.name]
        return [*sorted(others, key=lambda name: name in self._explicit), self._guide.name]

    @property
    def has_only_guide(self) -> bool:
        """True if only the guide replies if no model is chosen."""
        return not self._providers.keys() - self._explicit - {self._guide.name}

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint of that name; None for other kinds of providers."""
        return self._endpoints.get(name)

    def title(self, name: str) -> str:
        """Return the display name of a provider; empty if it has none."""
        endpoint = self._endpoints.get(name)
        return endpoint.title if endpoint is not None else str(getattr(self._providers.get(name), "title", ""))

    def has_answered(self, name: str) -> bool:
        """Return whether an endpoint has answered when it was asked for its models last."""
        endpoint = self._endpoints.get(name)
        return endpoint is not None and not endpoint.models and name in self._listed and name not in self.problems

    def default_ref(self) -> str:
        """Return the model used if none is chosen: the setting, else the first provider's, else the guide.

        The ref of an endpoint whose models are not known yet is ``name/``: its list is requested with the first reply.
        """
        if self.default:
            return self.default
        for name in self.names():
            if name == self._guide.name or name in self._explicit:
                break
            return f"{name}/{self._first_model(name)}"
        return f"{self._guide.name}/guide"

    def resolve(self, ref: str | None) -> tuple[Provider, str]:
        """Return provider and model id of ``provider/model``; the name of a provider or a model alone is enough.

        Raises :class:`ProviderError` with a sentence if no provider has it.
        """
        ref = (ref or "").strip() or self.default_ref()
        name, slash, model = ref.partition("/")
        if name in self._providers:
            return self._providers[name], model or self._first_model(name)
        for known in self._known():
            if known.id == ref:
                return self._providers[known.endpoint], known.id
        subject = f"There is no provider named “{name}”" if slash else f"No provider is known to have the model “{ref}”"
        names = ", ".join(self.names())
        raise ProviderError(
            Failed(
                FailureKind.UNCONFIGURED,
                f"{subject}. Choose a model of one of these: {names}; or add [endpoints.{_table_name(name)}] to "
                "config.toml.",
            )
        )

    def context_length(self, ref: str | None) -> int | None:
        """Return the context length of a model, if the settings, its provider's list or an earlier error state it."""
        try:
            provider, model = self.resolve(ref)
        except ProviderError:
            return None
        endpoint = self._endpoints.get(provider.name)
        if endpoint is not None and (length := endpoint.context_length_for(model)):
            return length
        listed = next((known for known in self._known() if known.endpoint == provider.name and known.id == model), None)
        cached = self._cache.context_length(endpoint.url, model) if endpoint is not None else None
        return cached or (listed.context_length if listed else None)

    def price(self, ref: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float | None:
        """Return the price of that many tokens in US dollars; None where neither list nor settings state it.

        ``cached_tokens`` of the input cost less, where their price is known.
        """
        if (rates := self.rates(ref)) is None:
            return None
        cached = min(cached_tokens, input_tokens)
        return (input_tokens - cached) * rates.input + cached * rates.cached_input + output_tokens * rates.output

    def rates(self, ref: str) -> Rates | None:
        """Return what a token of a model costs: by its provider's list, else by the settings; None: not known."""
        model = next((known for known in self._known() if ref in (known.ref, known.id)), None)
        prices = model.traits.pricing if model is not None else {}
        name, _, model_id = ref.partition("/")
        if not prices and (endpoint := self._endpoints.get(name)) is not None:
            prices = self._cache.prices(endpoint.url, model_id)
        if "prompt" in prices and "completion" in prices:
            prompt = float(prices["prompt"])
            return Rates(prompt, float(prices["completion"]), float(prices.get("input_cache_read", prompt)), "list")
        return self.stated_rates.get(ref)

    def is_free(self, ref: str | None) -> bool:
        """Return whether a model costs nothing: a server on this computer, the guide, or one whose price is zero."""
        try:
            provider, model = self.resolve(ref)
        except ProviderError:
            return True  # no request is sent
        if (rates := self.rates(f"{provider.name}/{model}")) is not None:
            return rates.input <= 0 and rates.output <= 0
        endpoint = self._endpoints.get(provider.name)
        return provider.name in (self._guide.name, "server") or (endpoint is not None and endpoint.local)

    def takes_images(self, ref: str | None) -> bool | None:
        """Return whether a model takes images; None where its provider's list does not say."""
        try:
            provider, model = self.resolve(ref)
        except ProviderError:
            return None
        if getattr(provider, "takes_images", None) is False:
            return False
        endpoint = self._endpoints.get(provider.name)
        if endpoint is not None and (stated := endpoint.options_for(model).images) is not None:
            return stated
        listed = next((known for known in self._known() if known.endpoint == provider.name and known.id == model), None)
        inputs = listed.traits.input_modalities if listed is not None else ()
        if not inputs and endpoint is not None:
            inputs = self._cache.input_modalities(endpoint.url, model)
        return "image" in inputs if inputs else None

    def image_size(self, ref: str | None) -> int:
        """Return the most pixels, in width and height, that a model is sent of an image."""
        try:
            provider, model = self.resolve(ref)
        except ProviderError:
            return image_side("")
        endpoint = self._endpoints.get(provider.name)
        return (endpoint.options_for(model).image_size if endpoint is not None else None) or image_side(model)

    async def is_reachable(self, ref: str | None) -> bool:
        """Return whether the provider of a model can be reached, after looking for one that is not known."""
        with suppress(ProviderError):  # it is not known, perhaps because it could not be reached at the start
            return await self._answers(ref)
        for find in (*self.finders, *((self.rediscover,) if self.rediscover is not None else ())):
            await find()
        with suppress(ProviderError):
            return await self._answers(ref)
        return False

    async def _answers(self, ref: str | None) -> bool:
        provider, _ = self.resolve(ref)
        ask: Callable[[], Awaitable[bool]] | None = getattr(provider, "is_reachable", None)
        return await ask() if ask is not None else True

    async def fetch_context_length(self, ref: str | None) -> None:
        """Request the provider's list, once, if it may state properties of the model; errors are ignored."""
        try:
            provider, _ = self.resolve(ref)
        except ProviderError:
            return
        name, endpoint = provider.name, self._endpoints.get(provider.name)
        if endpoint is None or endpoint.models or name in self._listed or self._cache.is_listed(endpoint.url):
            return
        if name not in self._length_requests:
            self._length_requests[name] = asyncio.create_task(self._fetch_list(provider), name=f"list {name}")
        await asyncio.shield(self._length_requests[name])

    async def fetch_inputs(self, ref: str | None) -> None:
        """Request the provider's list, once, if it may state which kinds of input the model takes."""
        with suppress(ProviderError):
            provider, _ = self.resolve(ref)
            if provider.name in self._endpoints:
                await self.fetch_context_length(ref)
            elif provider.name not in self._listed:
                await self._fetch_list(provider)

    async def _fetch_list(self, provider: Provider) -> None:
        with suppress(TimeoutError, ProviderError):
            async with asyncio.timeout(LENGTH_TIMEOUT):
                self._listed[provider.name] = await provider.models()

    def prepare(self, ref: str | None) -> None:
        """Let the provider of a model prepare its first request, while other things are done."""
        with suppress(ProviderError):
            provider, _ = self.resolve(ref)
            if isinstance(provider, EndpointProvider):
                self._preparing.add(asyncio.create_task(provider.prepare(), name=f"prepare {provider.name}"))

    def known(self) -> list[Model]:
        """Return the models known so far, provider by provider, without any request."""
        return list(self._known())

    async def models(self, *, refresh: bool = False) -> list[Model]:
        """Return all models, provider by provider. Errors of single providers go to :attr:`problems`."""
        for find in self.finders:
            await find()
        names = self.names()
        missing = [name for name in names if refresh or name not in self._listed]
        await asyncio.gather(*(self._list(name) for name in missing))
        return [model for name in names for model in self._listed.get(name, [])]

    async def test(self, endpoint: Endpoint) -> list[Model]:
        """Request the list of models of an endpoint, which need not be one of these. Raises :class:`ProviderError`."""
        provider = self._provider(replaced(endpoint, models=()))
        try:
            return await provider.models()
        finally:
            await provider.aclose()

    async def aclose(self) -> None:
        """Close all connections. May be called twice."""
        background = [*self._length_requests.values(), *self._searches.values(), *self._preparing]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.gather(*(search.aclose() for search in self._searches))
        await asyncio.gather(*(provider.aclose() for provider in [*self._providers.values(), *self._replaced]))

    def _provider(self, endpoint: Endpoint) -> Provider:
        return EndpointProvider(
            endpoint,
            transport=self._transport,
            timeouts=self._timeouts,
            cache=self._cache,
            retries=self._retries,
        )

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


def _table_name(name: str) -> str:
    """Return ``name`` as the name of a table in config.toml, or ``NAME`` if it is not valid."""
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else "NAME"
