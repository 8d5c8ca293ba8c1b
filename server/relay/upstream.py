"""The model service behind this server: one provider with one client for the server's whole life."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict
from hashlib import sha256

from sterna.providers import Endpoint, Failed, FailureKind, ProviderError
from sterna.providers.openai import OpenAIProvider

from ..database.cache import Cache
from ..errors import ApiError
from ..settings import Upstream
from .model_traits import NOTHING, About, stated_of, stored

UNKNOWN_CONTEXT = 8_000
FRESH, FAILED = 600.0, 60.0
"""Seconds that a list of models, or the failure to get one, is believed."""
PATIENCE = 2.0
"""Seconds that questions wait for the list; later ones go out with what is known."""

THEIRS = (
    FailureKind.NOT_FOUND,
    FailureKind.TOO_LONG,
    FailureKind.RATE_LIMIT,
    FailureKind.BAD_REQUEST,
    FailureKind.AUTH,
    FailureKind.PAYMENT,
    FailureKind.FORBIDDEN,
)
"""Answers of 4xx, which are passed on as 400. See docs/specification/endpoints.md#chat."""

SAID = {
    FailureKind.NOT_FOUND: "The model service does not have this model. Choose another one.",
    FailureKind.TOO_LONG: "The conversation is too long for this model. Send less context, or choose another model.",
    FailureKind.RATE_LIMIT: "The model service is asked too often at the moment. Try again later.",
    FailureKind.BAD_REQUEST: "The model service did not take the request.",
    FailureKind.AUTH: "The model service refused this server's key. Whoever runs this server has to look at it.",
    FailureKind.PAYMENT: "This server's account at the model service is used up. Whoever runs it has to look at it.",
    FailureKind.FORBIDDEN: "The model service refused the request.",
    FailureKind.TIMEOUT: "The model service did not answer in time. Try again.",
    FailureKind.EMPTY: "The model sent no text. Ask for an answer in words, or choose another model.",
    FailureKind.UNCONFIGURED: "The model service is not set up right. Whoever runs this server has to look at it.",
}

log = logging.getLogger("sterna.server")


class Relay:
    """Where questions are passed on to."""

    def __init__(self, upstream: Upstream, cache: Cache | None = None) -> None:
        self.is_configured = bool(upstream.base_url)
        """Whether there is anybody to ask."""
        self._provider = OpenAIProvider(
            Endpoint("upstream", upstream.base_url, lambda: upstream.key or None, url_hint="--upstream-url")
        )
        self._cache = cache
        self._key = f"model list of {sha256(upstream.base_url.encode()).hexdigest()[:32]}"
        self._stated: dict[str, About] = {}
        self._until = 0.0
        self._listing: asyncio.Task[None] | None = None
        self._asked_at = 0.0

    def provider(self) -> OpenAIProvider:
        """Whom to ask; raises service_unavailable when nobody was named."""
        if not self.is_configured:
            raise ApiError(
                "service_unavailable",
                "This server relays no chat: it was started without --upstream-url.",
            )
        return self._provider

    async def max_tokens(self, model: str) -> int:
        """How long a reply of ``model`` may be, as far as that is known by now."""
        context = (await self.about(model)).context_length or UNKNOWN_CONTEXT
        return max(1, (context - 150) * 2 // 5)

    async def about(self, model: str) -> About:
        """Return what the upstream's list states of ``model``, as far as that is known by now."""
        if not self.is_configured:
            return NOTHING
        now = time.monotonic()
        if self._listing is None and now >= self._until:
            self._asked_at = now
            self._listing = asyncio.create_task(self._list(), name="list the upstream's models")
        if self._listing is not None and model not in self._stated:
            await asyncio.wait([self._listing], timeout=max(0.0, self._asked_at + PATIENCE - now))
        return self._stated.get(model, NOTHING)

    async def _list(self) -> None:
        believed = FAILED
        try:
            self._stated = await self._cached() or await self._asked()
            believed = FRESH
        except ProviderError as error:
            log.warning("models of the upstream: %s", error.failure.kind.value)
        finally:
            self._until = time.monotonic() + believed
            self._listing = None

    async def _cached(self) -> dict[str, About]:
        """Return what another server, or this one before its last start, has been told lately."""
        found = await self._cache.get(self._key) if self._cache is not None else None
        return {name: stored(told) for name, told in found.items()} if isinstance(found, dict) else {}

    async def _asked(self) -> dict[str, About]:
        stated = {one.id: stated_of(one) for one in await self._provider.models()}
        if self._cache is not None:
            await self._cache.put(self._key, {name: asdict(told) for name, told in stated.items()}, FRESH)
        return stated

    async def aclose(self) -> None:
        """Close its connections."""
        if self._listing is not None:
            self._listing.cancel()
            await asyncio.wait([self._listing])
        await self._provider.aclose()


def refusal(failure: Failed) -> ApiError:
    """A failure as this server answers it: never the upstream's words, in which anything may be."""
    log.warning("upstream: %s", failure.kind.value)
    said = SAID.get(failure.kind, "The model service could not be reached, or broke off. Try again.")
    return ApiError(
        "bad_request" if failure.kind in THEIRS else "bad_gateway",
        said,
        retry_after=None if failure.retry_after is None else max(1, int(failure.retry_after + 0.999)),
        extra={"upstreamErrorCode": failure.kind.value, "upstreamErrorMessage": said, "upstreamProvider": "upstream"},
    )
