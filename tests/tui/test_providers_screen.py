"""Providers on the screen: tested by a real request, chosen from the known services, added on the first start."""

from __future__ import annotations

import pytest
from home import Home, frame, until, write
from textual.pilot import Pilot
from textual.widgets import Input

from sterna import config
from sterna.chat import build_catalog
from sterna.config import Settings
from sterna.providers import Catalog
from sterna.storage import StoreThread
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.menu import Menu
from sterna.tui.screens.provider_dialog import ProviderDialog
from sterna.tui.screens.settings import SettingsScreen
from tests.fake_openai import Server

SIZE = (140, 44)


def with_real_catalog(home: Home) -> SternaApp:
    """A start of the program with the providers of the settings."""
    app = home.app()

    async def real(settings: Settings, store: StoreThread) -> Catalog:
        return build_catalog(settings, store, environ={}, config_dir=home.folder, cache_dir=home.folder)

    app._catalog_factory = real
    return app


async def open_form(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, app.context.ready.is_set)
    await app.perform("app.provider")
    await until(pilot, lambda: isinstance(app.screen, ProviderDialog) and app.screen.query("#provider-key"))


def field(app: SternaApp, name: str) -> Input:
    return app.screen.query_one(f"#provider-{name}", Input)


async def test_a_form_is_tested_before_it_is_saved(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.config.system_keyring.open_keyring", lambda _: None)
    home.write_config("discover = false\n")
    app = with_real_catalog(home)
    with Server() as server:
        async with app.run_test(size=SIZE) as pilot:
            await open_form(pilot, app)
            field(app, "name").value = "Work"
            await pilot.press("ctrl+r")
            await until(pilot, lambda: "Enter an address such as" in frame(app))
            field(app, "url").value = server.url
            await pilot.click("#test")
            await until(pilot, lambda: "Work answered in" in frame(app))
            assert "3 models, such as model." in frame(app)
            assert not config.load(home.folder, {}).endpoints
            field(app, "url").value = "http://127.0.0.1:9/v1"
            await pilot.press("ctrl+r")
            await until(pilot, lambda: "Nothing answers at 127.0.0.1:9" in frame(app))
            field(app, "url").value = server.url
            await pilot.click("#save")
            await until(pilot, lambda: any("Added “Work”." in each.message for each in app._notifications))
            assert app.main.conversation.model.startswith("work/")


async def test_a_saved_provider_is_tested_from_the_list(home: Home) -> None:
    with Server() as server:
        home.write_config(f'discover = false\n[endpoints.acme]\nurl = "{server.url}"\nmodels = ["one"]\n')
        app = with_real_catalog(home)
        async with app.run_test(size=SIZE) as pilot:
            await until(pilot, app.context.ready.is_set)
            await pilot.press("f9")
            await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "acme" in frame(app))
            app.screen.query_one("#providers", Menu).focus()
            await pilot.press("t")
            await until(pilot, lambda: "acme answered in" in frame(app))
            assert server.fake.listed == 1


async def test_a_known_service_needs_only_its_key(home: Home) -> None:
    app = with_real_catalog(home)
    async with app.run_test(size=SIZE) as pilot:
        await open_form(pilot, app)
        app.screen.query_one("#known", Menu).focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: field(app, "key").has_focus)
        assert (field(app, "name").value, field(app, "url").value) == ("OpenRouter", "https://openrouter.ai/api/v1")


async def test_on_a_first_start_one_step_leads_to_a_model(home: Home) -> None:
    home.write_config("discover = false\n")
    app = with_real_catalog(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "No model is connected yet." in frame(app))
        (row,) = [index for index, line in enumerate(frame(app).splitlines()) if "add a provider" in line]
        await pilot.click(offset=(frame(app).splitlines()[row].index("add a provider"), row))
        await until(pilot, lambda: isinstance(app.screen, ProviderDialog))


async def test_a_new_conversation_after_the_first_is_no_first_start(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Welcome to Sterna." in frame(app))
        await write(pilot, "Hello?")
        await pilot.press("enter")
        await until(pilot, lambda: "Yes." in frame(app))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "A new conversation with" in frame(app))
        assert "Welcome to Sterna." not in frame(app)
