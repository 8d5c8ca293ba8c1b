"""Connection to the model service behind this server: one provider with one client for the server's lifetime."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict
from hashlib import sha256

from sterna.providers import Endpoint, Failed, FailureKind, ProviderError
from sterna.providers.endpoint_provider import EndpointProvider

from ..database.cache import Cache
from ..errors import ApiError
from ..settings import Upstream
from .model_traits import NO_TRAITS, ModelTraits, cached_traits, traits_of

UNKNOWN_CONTEXT = 8_000
LIST_SECONDS, FAILURE_SECONDS = 600.0, 60.0
"""Time for which a list of models, or the failure to get one, is cached."""
MAX_WAIT = 2.0
"""Time that requests wait for the list; later ones continue without it."""

CLIENT_ERRORS = (
    FailureKind.NOT_FOUND,
    FailureKind.TOO_LONG,
    FailureKind.RATE_LIMIT,
    FailureKind.BAD_REQUEST,
    FailureKind.AUTH,
    FailureKind.PAYMENT,
    FailureKind.FORBIDDEN,
)
"""Answers of 4xx, which are passed on as 400. See docs/specification/endpoints.md#chat."""

MESSAGES = {
    FailureKind.NOT_FOUND: "The model service does not have this model. Choose another one.",
    FailureKind.TOO_LONG: "The conversation is too long for this model. Send less context, or choose another model.",
    FailureKind.RATE_LIMIT: "The model service receives too many requests at the moment. Try again later.",
    FailureKind.BAD_REQUEST: "The model service rejected the request.",
    FailureKind.AUTH: "The model service refused this server's key. Contact the server administrator.",
    FailureKind.PAYMENT: "This server has no credit left at the model service. Contact the server administrator.",
    FailureKind.FORBIDDEN: "The model service refused the request.",
    FailureKind.TIMEOUT: "The model service did not answer in time. Try again.",
    FailureKind.SERVER: "The model service failed. Try again.",
    FailureKind.MALFORMED: "The model service sent a reply that cannot be read. Try again.",
    FailureKind.TRUNCATED: "The connection to the model service was lost. Try again.",
    FailureKind.PARAMETER: "The model service rejected a parameter of the request.",
    FailureKind.EMPTY: "The model returned no text. Rephrase the message, or choose another model.",
    FailureKind.UNCONFIGURED: "The model service is misconfigured. Contact the server administrator.",
}

log = logging.getLogger("sterna.server")


class Relay:
    """The model service, its list of models, and the cache of that list."""

    def __init__(self, upstream: Upstream, cache: Cache | None = None) -> None:
        self.is_configured = bool(upstream.base_url)
        """True if the server has a model service."""
        self._provider = EndpointProvider(
            Endpoint("upstream", upstream.base_url, lambda: upstream.key or None, url_hint="--upstream-url")
        )
        self._cache = cache
        self._key = f"model list of {sha256(upstream.base_url.encode()).hexdigest()[:32]}"
        self._traits: dict[str, ModelTraits] = {}
        self._until = 0.0
        self._listing: asyncio.Task[None] | None = None
        self._list_requested_at = 0.0

    def provider(self) -> EndpointProvider:
        """Return the provider. Raises service_unavailable without a model service."""
        if not self.is_configured:
            raise ApiError(
                "service_unavailable",
                "This server has no model service: it was started without --upstream-url.",
            )
        return self._provider

    async def max_tokens(self, model: str) -> int:
        """Return the maximum length of a reply of ``model``, as far as the list is known by now."""
        context = (await self.traits(model)).context_length or UNKNOWN_CONTEXT
        return max(1, (context - 150) * 2 // 5)

    async def traits(self, model: str) -> ModelTraits:
        """Return the traits of ``model``, as far as the list is known by now."""
        if not self.is_configured:
            return NO_TRAITS
        now = time.monotonic()
        if self._listing is None and now >= self._until:
            self._list_requested_at = now
            self._listing = asyncio.create_task(self._list(), name="list the upstream's models")
        if self._listing is not None and model not in self._traits:
            await asyncio.wait([self._listing], timeout=max(0.0, self._list_requested_at + MAX_WAIT - now))
        return self._traits.get(model, NO_TRAITS)

    async def _list(self) -> None:
        lifetime = FAILURE_SECONDS
        try:
            self._traits = await self._read_cache() or await self._fetch()
            lifetime = LIST_SECONDS
        except ProviderError as error:
            log.warning("list of the upstream's models: %s", error.failure.kind.value)
        finally:
            self._until = time.monotonic() + lifetime
            self._listing = None

    async def _read_cache(self) -> dict[str, ModelTraits]:
        """Return the list that this or another server has fetched recently; empty without one."""
        cached = await self._cache.get(self._key) if self._cache is not None else None
        return {name: cached_traits(data) for name, data in cached.items()} if isinstance(cached, dict) else {}

    async def _fetch(self) -> dict[str, ModelTraits]:
        traits = {model.id: traits_of(model) for model in await self._provider.models()}
        if self._cache is not None:
            await self._cache.put(self._key, {name: asdict(entry) for name, entry in traits.items()}, LIST_SECONDS)
        return traits

    async def aclose(self) -> None:
        """Close the connections."""
        if self._listing is not None:
            self._listing.cancel()
            await asyncio.wait([self._listing])
        await self._provider.aclose()


def upstream_error(failure: Failed) -> ApiError:
    """Return the error for a failure, without the upstream's own text, which may contain anything."""
    log.warning("upstream: %s", failure.kind.value)
    message = MESSAGES.get(
        failure.kind, "The model service could not be reached, or the connection was lost. Try again."
    )
    return ApiError(
        "bad_request" if failure.kind in CLIENT_ERRORS else "bad_gateway",
        message,
        retry_after=None if failure.retry_after is None else max(1, int(failure.retry_after + 0.999)),
        extra={
            "upstreamErrorCode": failure.kind.value,
            "upstreamErrorMessage": message,
            "upstreamProvider": "upstream",
        },
    )
