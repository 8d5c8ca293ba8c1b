"""Catalog of the available providers, from settings, environment and history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sterna.config import Settings, TimeoutSettings, credentials
from sterna.providers import Catalog, Endpoint, Rates, Timeouts, endpoints_from, guide
from sterna.providers.llm_extra import llm_models
from sterna.providers.model_cache import ModelCache
from sterna.storage import StoreError, StoreThread

if TYPE_CHECKING:
    from sterna.providers import HistoryHit, Model
    from sterna.providers.guide_answers import HelpText
    from sterna.providers.server import ServerProvider, Token
    from sterna.storage import Store
    from sterna.storage.conversations.quotations import Passage

MODEL_CACHE = "models.json"
MAX_HITS = 5
"""Passages for one answer of the guide."""
SHOWN = 240
"""Characters of such a passage: nothing of it leaves this computer, and nobody reads much of it."""


def no_help(topic: str) -> str:
    """Return no help text, so that the guide uses its own."""
    return ""


def build_catalog(
    settings: Settings,
    store: StoreThread | None,
    *,
    environ: Mapping[str, str],
    config_dir: Path | None = None,
    help_text: HelpText = no_help,
    cache_dir: Path | None = None,
) -> Catalog:
    """Return a catalog of the configured endpoints and the guide, which searches ``store``. Nothing is requested yet.

    ``cache_dir`` is the folder for the cache of model properties.
    """

    async def history(text: str) -> list[HistoryHit]:
        from sterna.providers import HistoryError, HistoryHit
        from sterna.storage import stored_time

        if store is None:
            return []
        try:
            found = await store.run(_best_passages, text)
        except StoreError as error:
            raise HistoryError(str(error)) from error
        return [
            HistoryHit(each.title, each.text, stored_time(each.at), each.session_id, each.message_id) for each in found
        ]

    timeouts = settings.timeouts
    # with unreadable settings nothing is sent: the intended provider is unknown
    is_blocked = bool(settings.blocked)
    catalog = Catalog(
        [] if is_blocked else configured_endpoints(settings, environ=environ, config_dir=config_dir),
        guide=guide(help_text, history),
        default=None if is_blocked else settings.model or None,
        timeouts=Timeouts(connect=timeouts.connect, read=timeouts.read, write=timeouts.write),
        cache=ModelCache(cache_dir / MODEL_CACHE if cache_dir is not None else None),
        retries=settings.retries,
    )
    catalog.stated_rates = {
        ref: Rates(
            price.input / 1e6,
            price.output / 1e6,
            (price.input if price.cached_input is None else price.cached_input) / 1e6,
            "settings",
        )
        for ref, price in settings.prices.items()
    }
    if not is_blocked and (package := llm_models()) is not None:
        catalog.add_provider(package, explicit=True)
    return catalog


def _best_passages(store: Store, text: str) -> list[Passage]:
    """Return the best passages, without the questions that are being answered: these have all the words themselves."""
    questions = [reply.user_message_id for reply in store.arriving_replies.of()]
    return store.passages.find(text, limit=MAX_HITS, size=SHOWN, include_private=True, without=questions)


def configured_endpoints(
    settings: Settings, *, environ: Mapping[str, str], config_dir: Path | None = None
) -> list[Endpoint]:
    """Return the configured endpoints; keys are looked up for each request."""
    return endpoints_from(settings.endpoints, partial(credentials.endpoint_key, environ=environ, folder=config_dir))


def server_provider(
    store: StoreThread, origin: str, host: str, token: Token, timeouts: TimeoutSettings
) -> ServerProvider:
    """Return the relay of the server that the user is signed in to, with its models as of the last sync."""

    from sterna.providers.server import ServerProvider
    from sterna.storage import ServerProfile

    async def models() -> list[Model]:
        try:
            return [_model(row) for row in await store.run(ServerProfile.server_models)]
        except StoreError as error:
            raise ValueError(str(error)) from error

    limits = Timeouts(connect=timeouts.connect, read=timeouts.read, write=timeouts.write)
    return ServerProvider(origin, host, token, models, timeouts=limits)


def _model(row: Mapping[str, Any]) -> Model:
    from sterna.providers import Model
    from sterna.providers.model_traits import Traits
    from sterna.providers.server import NAME

    name, tier = row["model_name"] or "", row["tier"]
    traits = Traits(input_modalities=("text", "image") if row["images"] else ("text",))
    return Model(NAME, row["model_id"], name, tier=tier, allowed=row["allowed"], limits=row["limits"], traits=traits)


async def add_discovered(
    catalog: Catalog, settings: Settings, environ: Mapping[str, str], *, wanted: str = "", late: bool = False
) -> list[str]:
    """Add providers discovered in the environment and on this computer, if enabled, and return the new names.

    ``wanted`` is the name of a provider to wait for. With ``late``, a slow server does not delay the start if another
    provider is available; it is added when it answers.
    """
    if not settings.discover or settings.blocked:
        return []
    from sterna.providers.discovery import Discovery

    search, continues = Discovery(environ), False
    try:
        names = catalog.add(await search.first(wanted=wanted, has_others=not catalog.has_only_guide))
        if late and not search.is_over:
            catalog.add_later(search)
            continues = True
        return names
    finally:
        if not continues:
            await search.aclose()


def needs_discovery(catalog: Catalog, ref: str) -> bool:
    """Return whether only :func:`add_discovered` can tell the provider of ``ref``; "" stands for the default."""
    names = catalog.names()
    wanted = (ref or catalog.default_ref()).partition("/")[0]
    return wanted not in names or (not ref and not catalog.default and catalog.has_only_guide)
