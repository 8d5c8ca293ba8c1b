"""A config.toml that cannot be read: the screen opens, shows the line and asks; nobody is asked meanwhile."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from home import Home, frame, no_reply_runs, until

from sterna.chat import add_discovered, build_catalog
from sterna.config import Settings
from sterna.providers import Catalog
from sterna.storage import StoreThread
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.panels import Panel
from sterna.tui.screens.config_error import ConfigTrouble, editor
from tests.fake_openai import Server

BROKEN = "discover = false\nmodel =\n"
SIZES = [(80, 24), (160, 48), (40, 14)]


def asked(app: SternaApp) -> bool:
    """Whether the question is on the screen."""
    return isinstance(app.screen, ConfigTrouble) and app.focused is not None


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_line_is_shown_and_the_guide_answers(home: Home, size: tuple[int, int]) -> None:
    home.write_config(BROKEN)
    home.seed(("an old question", "an old answer"))
    app = home.app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: asked(app))
        await until(pilot, lambda: "line 2" in " ".join(frame(app).replace("│", " ").split()))
        assert app.context.catalog is None
        panel = app.screen.query_one(Panel)
        assert panel.size.width <= size[0]
        await pilot.press(*"quit is no key")
        assert asked(app)
        await pilot.press("enter")
        await until(pilot, app.context.ready.is_set)
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: "Yes." in frame(app))


async def test_with_the_real_catalogue_nobody_is_asked(home: Home) -> None:
    with Server() as stranger:
        home.environ |= {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": stranger.url}
        home.write_config(BROKEN)
        app = home.app()

        async def real(settings: Settings, store: StoreThread) -> Catalog:
            catalog = build_catalog(settings, store, environ=home.environ, config_dir=home.folder)
            assert await add_discovered(catalog, settings, home.environ) == []
            return catalog

        app._catalog_factory = real
        async with app.run_test(size=SIZES[0]) as pilot:
            await until(pilot, lambda: asked(app))
            await pilot.press("escape")
            await until(pilot, app.context.ready.is_set)
            await pilot.press(*"how do i sync", "enter")
            await until(
                pilot,
                lambda: "sync" in frame(app) and no_reply_runs(app),
            )
        assert (stranger.fake.requests, stranger.fake.listed) == ([], 0)


async def test_the_editor_corrects_it_and_the_chat_begins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_config(BROKEN)
    script = home.folder / "editor"
    script.write_text('#!/bin/sh\necho "$1" > "$1.seen"\necho "discover = false" > "$1"\n')
    script.chmod(0o755)
    home.environ["EDITOR"] = f"{script}"
    app = home.app()
    monkeypatch.setattr(SternaApp, "suspend", lambda app: nullcontext())
    async with app.run_test(size=SIZES[0]) as pilot:
        await until(pilot, lambda: asked(app))
        await pilot.click("#edit")
        await until(pilot, app.context.ready.is_set)
        assert app.context.settings.blocked == ""
        assert app.context.settings.discover is False
    assert (home.folder / "config.toml.seen").exists()


async def test_an_editor_that_is_not_there_is_a_sentence(home: Home) -> None:
    home.write_config(BROKEN)
    home.environ["EDITOR"] = str(home.folder / "nothing")
    app = home.app()
    async with app.run_test(size=SIZES[0]) as pilot:
        await until(pilot, lambda: asked(app))
        await pilot.click("#edit")
        await until(pilot, lambda: asked(app) and "Cannot start the editor" in " ".join(frame(app).split()))
        await pilot.click("#quit")
        await until(pilot, lambda: app.return_code == 1)


def test_the_editor_is_the_persons_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert editor({"VISUAL": "code --wait", "EDITOR": "vi"}) == ["code", "--wait"]
    assert editor({"VISUAL": "'", "EDITOR": "vi"}) == ["vi"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert editor({}) is None
    (tmp_path / "vi").touch(0o755)
    assert editor({}) == [str(tmp_path / "vi")]
