"""A model that is downloaded from the chat: its progress, its end, and that it is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from home import SIZE, Home, frame, notices, opened, until, write

from sterna import config
from sterna.providers import Catalog, Failed, FailureKind, ProviderError
from sterna.providers.downloads import Progress
from sterna.providers.model_downloads import ModelDownloads
from sterna.storage import StoreThread


class Downloads(ModelDownloads):
    """Downloads by a provider that tells when they end."""

    def __init__(self, home: PullingHome) -> None:
        self.home = home

    def providers(self) -> list[str]:
        return ["test"]

    def is_absent(self, ref: str) -> bool:
        return ref == "test/new"

    async def pull(self, ref: str) -> AsyncGenerator[Progress, None]:
        self.home.pulled.append(ref)
        yield Progress("pulling aa", 500_000_000, 2_000_000_000)
        await self.home.may_end.wait()
        if ref.endswith("nope"):
            raise ProviderError(Failed(FailureKind.NOT_FOUND, "There is no such model."))


@dataclass
class PullingHome(Home):
    """Home whose model server downloads models."""

    pulled: list[str] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def catalog(self, settings: config.Settings, store: StoreThread) -> Catalog:
        catalog = await super().catalog(settings, store)
        catalog.downloads = Downloads(self)
        return catalog


async def test_a_model_that_is_not_there_is_downloaded_and_chosen(home: Home) -> None:
    pulling = PullingHome(home.folder)
    app = pulling.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "Filter models" in frame(app))
        await write(pilot, "test/new")
        await until(pilot, lambda: "Download test/new" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: "500 MB of 2.0 GB, 25%" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.main.status.activity == "downloading new 25%")
        assert app.main.conversation.chosen_model is None
        pulling.may_end.set()
        await until(pilot, lambda: "Downloaded test/new." in notices(app))
        assert (app.main.conversation.chosen_model, app.main.status.activity) == ("test/new", "")
        pulling.may_end.clear()
        await write(pilot, "/pull other")
        await pilot.press("enter")
        await until(pilot, lambda: "25%" in frame(app))
        await pilot.press("tab", "tab", "enter")
        await until(pilot, lambda: "Stopped. The same download continues" in frame(app))
        pulling.may_end.set()
        await pilot.press("escape")
        await write(pilot, "/pull nope")
        await pilot.press("enter")
        await until(pilot, lambda: "There is no such model." in frame(app))
        assert app.main.conversation.chosen_model == "test/new"
    assert pulling.pulled == ["test/new", "test/other", "test/nope"]
