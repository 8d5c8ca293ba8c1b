"""Models that a provider's server can download, and their downloads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from .endpoint import Endpoint
from .endpoint_provider import EndpointProvider
from .events import Failed, FailureKind, Model, Provider, ProviderError
from .protocols import protocol_named

if TYPE_CHECKING:
    from .downloads import Progress


class ModelDownloads:
    """Downloads of models by the providers of a catalog."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        listed: Mapping[str, list[Model]],
        problems: Mapping[str, str],
        resolve: Callable[[str], tuple[Provider, str]],
        list_again: Callable[[str], Awaitable[None]],
    ) -> None:
        self._endpoints = endpoints
        self._listed = listed
        self._problems = problems
        self._resolve = resolve
        self._list_again = list_again

    def providers(self) -> list[str]:
        """Return the names of the providers whose server downloads models by itself, as Ollama does."""
        return [name for name in self._endpoints if self._can(name)]

    def is_absent(self, ref: str) -> bool:
        """Return whether a model would have to be downloaded first, as far as its provider's list tells."""
        name, _, model = ref.partition("/")
        if not model or not self._can(name) or name not in self._listed or name in self._problems:
            return False
        return not {model, f"{model}:latest"} & {known.id for known in self._listed[name]}

    async def pull(self, ref: str) -> AsyncGenerator[Progress, None]:
        """Yield how far the download of a model is, and list the provider's models again at its end.

        Raises :class:`ProviderError`.
        """
        provider, model = self._resolve(ref)
        if not isinstance(provider, EndpointProvider) or not self._can(provider.name):
            able = ", ".join(self.providers()) or "none that is connected"
            endpoint = self._endpoints.get(provider.name)
            title = endpoint.title if endpoint is not None else provider.name
            message = f"{title} downloads no models. Those that do: {able}."
            raise ProviderError(Failed(FailureKind.UNCONFIGURED, message))
        async with aclosing(provider.pull(model)) as steps:
            async for progress in steps:
                yield progress
        await self._list_again(provider.name)

    def _can(self, name: str) -> bool:
        endpoint = self._endpoints.get(name)
        return endpoint is not None and bool(protocol_named(endpoint.protocol, endpoint.host).pull_path)
