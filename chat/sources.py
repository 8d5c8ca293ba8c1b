"""Everything that can be asked on this machine, put together from the settings, the environment and the history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sterna.config import Settings, TimeoutSettings, credentials
from sterna.providers import (
    Catalog,
    Endpoint,
    HistoryError,
    HistoryHit,
    Model,
    Timeouts,
    endpoints_from,
    guide,
)
from sterna.providers.discovery import Discovery
from sterna.providers.guide import HelpText
from sterna.providers.llm_extra import llm_models
from sterna.providers.model_cache import ModelCache
from sterna.providers.server import NAME as SERVER
from sterna.providers.server import ServerProvider, Token
from sterna.storage import Hit, ServerProfile, Store, StoreError, StoreThread, stored_time

MODEL_CACHE = "models.json"
PLACES = 5
"""Of the history, for one answer of the guide."""


def no_help(topic: str) -> str:
    """The guide's own words will do."""
    return ""


def catalog_of(
    settings: Settings,
    store: StoreThread | None,
    *,
    environ: Mapping[str, str],
    config_dir: Path | None = None,
    help_text: HelpText = no_help,
    cache_dir: Path | None = None,
) -> Catalog:
    """The endpoints of the settings, and the guide, who reads the history of ``store``. Asks nobody yet.

    ``memory`` is the folder in which it is kept what is known of models.
    """

    async def history(text: str) -> list[HistoryHit]:
        if store is None:
            return []
        try:
            hits = await store.run(_places, text)
        except StoreError as error:
            raise HistoryError(str(error)) from error
        marks = str.maketrans("", "", "\x02\x03")
        return [
            HistoryHit(hit.session_title, hit.snippet.translate(marks), stored_time(hit.at), hit.session_id)
            for hit in hits
        ]

    timeouts = settings.timeouts
    # With settings that cannot be read nobody is asked: whom the person meant is not known.
    is_blocked = bool(settings.blocked)
    catalog = Catalog(
        [] if is_blocked else endpoints_of(settings, environ=environ, config_dir=config_dir),
        guide=guide(help_text, history),
        default=None if is_blocked else settings.model or None,
        timeouts=Timeouts(connect=timeouts.connect, read=timeouts.read, write=timeouts.write),
        cache=ModelCache(cache_dir / MODEL_CACHE if cache_dir is not None else None),
    )
    if not is_blocked and (package := llm_models()) is not None:
        catalog.add_provider(package, explicit=True)
    return catalog


def _places(store: Store, text: str) -> list[Hit]:
    """The best places, without the questions that are being answered: those hold all the words they ask for."""
    asked = {reply.user_message_id for reply in store.arriving_replies.of()}
    hits = store.search.search_best(text, PLACES + len(asked))
    return [hit for hit in hits if hit.message_id not in asked][:PLACES]


def endpoints_of(settings: Settings, *, environ: Mapping[str, str], config_dir: Path | None = None) -> list[Endpoint]:
    """The endpoints of the settings, whose keys are looked up when a request needs them."""
    return endpoints_from(settings.endpoints, partial(credentials.endpoint_key, environ=environ, folder=config_dir))


def server_of_account(
    store: StoreThread, origin: str, host: str, token: Token, timeouts: TimeoutSettings
) -> ServerProvider:
    """The server that somebody is signed in at, as a back end; its models as they were when it was last asked."""

    async def models() -> list[Model]:
        try:
            return [_model(one) for one in await store.run(ServerProfile.server_models)]
        except StoreError as error:
            raise ValueError(str(error)) from error

    limits = Timeouts(connect=timeouts.connect, read=timeouts.read, write=timeouts.write)
    return ServerProvider(origin, host, token, models, timeouts=limits)


def _model(row: Mapping[str, Any]) -> Model:
    name, tier = row["model_name"] or "", row["tier"]
    return Model(SERVER, row["model_id"], name, tier=tier, allowed=row["allowed"], limits=row["limits"])


async def add_found(
    catalog: Catalog, settings: Settings, environ: Mapping[str, str], *, wanted: str = "", late: bool = False
) -> list[str]:
    """Look for keys in the environment and for servers on this machine, if the person lets us; gives the new names.

    ``wanted`` is the name of the provider that is waited for. With ``late``, a server that is slow to answer keeps
    nobody waiting where something else can be asked; it is added when it has answered.
    """
    if not settings.discover or settings.blocked:
        return []
    search, goes_on = Discovery(environ), False
    try:
        names = catalog.add(await search.first(wanted=wanted, has_others=not catalog.has_only_guide))
        if late and not search.is_over:
            catalog.add_later(search)
            goes_on = True
        return names
    finally:
        if not goes_on:
            await search.aclose()


def needs_search(catalog: Catalog, ref: str) -> bool:
    """Whether only :func:`add_found` can say who answers ``ref``; "" stands for the default."""
    names = catalog.names()
    wanted = (ref or catalog.default_ref()).partition("/")[0]
    return wanted not in names or (not ref and not catalog.default and catalog.has_only_guide)
