"""The length that a model's list states stands in the status line from the first turn, and is kept."""

from __future__ import annotations

from home import Home, frame, until

from sterna.chat import build_catalog
from sterna.config import Settings
from sterna.providers import Catalog
from sterna.storage import StoreThread
from sterna.tui.app import CatalogFactory, SternaApp
from tests.fake_openai import Server


async def ask(app: SternaApp, catalog: CatalogFactory, text: str) -> None:
    """Ask in a new start of the program."""
    app._catalog_factory = catalog
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press(*text, "enter")
        await until(pilot, lambda: "of 8.2k tokens" in frame(app))


async def test_the_stated_length_is_shown_from_the_first_turn_and_kept(home: Home) -> None:
    with Server() as server:
        home.write_config(f'model = "acme/model"\ndiscover = false\n[endpoints.acme]\nurl = "{server.url}"\n')

        async def real(settings: Settings, store: StoreThread) -> Catalog:
            return build_catalog(settings, store, environ={}, config_dir=home.folder, cache_dir=home.folder)

        for text in ("hello", "hello again"):  # two starts
            await ask(home.app(), real, text)
        assert server.fake.listed == 1
