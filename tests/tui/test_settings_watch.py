"""A running chat applies changes that an editor or a command makes to config.toml."""

from __future__ import annotations

import pytest
from home import Home, notices, opened, until


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.tui.app.LOOK_SECONDS", 0.02)


async def test_a_change_of_the_file_is_followed_and_a_broken_file_changes_nothing(home: Home) -> None:
    home.write_config("[ui]\nsidebar_width = 30\n")
    app = home.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, app)
        home.write_config(
            'theme = "sterna-light"\n[ui]\nsidebar_width = 40\n[keys]\n"app.help" = "ctrl+f12"\n'
            '[endpoints.local]\nurl = "http://127.0.0.1:9/v1"\nmodels = ["small"]\n'
        )
        await until(pilot, lambda: app.theme == "sterna-light")
        await until(pilot, lambda: app.main.sidebar.size.width == 40)
        await until(pilot, lambda: app.context.keymap.get("app.help") == "ctrl+f12")
        await until(pilot, lambda: "read again" in notices(app))
        assert app.context.catalog is not None
        assert "local" in app.context.catalog.names()
        home.write_config('theme = "sterna-dark"\n[ui\n')
        await until(pilot, lambda: "the settings stay as they were" in notices(app))
        assert (app.theme, app.context.settings.blocked) == ("sterna-light", "")
        home.write_config('theme = "sterna-dark"\n[ui]\nsidebar_width = "wide"\n[keys]\n"app.help" = "f12"\n')
        await until(pilot, lambda: app.theme == "sterna-dark")
        assert "local" not in app.context.catalog.names()
        await until(pilot, lambda: "sidebar_width" in notices(app) and "f12 already belongs" in notices(app))


async def test_what_this_window_saves_is_no_news_and_a_file_that_is_gone_changes_nothing(home: Home) -> None:
    home.write_config("[ui]\nsidebar_width = 30\n")
    app = home.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, app)
        await app.context.settings_file.save("ui.sidebar_width", 36)
        (home.folder / "config.toml").unlink()
        await pilot.pause(0.3)
        assert notices(app) == ""
        assert app.context.settings.ui.sidebar_width == 36
