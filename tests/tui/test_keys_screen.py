"""Key bindings: presets that clash with nothing, and a screen that changes keys and shows clashes."""

from __future__ import annotations

import pytest
from home import Home, frame, until, write
from textual.pilot import Pilot

from sterna.tui.actions.bindings import BY_ID, NO_KEY, keymap, keys_of
from sterna.tui.actions.presets import PRESETS, clashing
from sterna.tui.actions.registry import ACTIONS
from sterna.tui.app import SternaApp
from sterna.tui.screens.key_dialog import KeyDialog
from sterna.tui.screens.keys import KeysScreen

SIZE = (100, 40)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("vim", [True, False])
def test_no_preset_has_a_clash_or_leaves_an_action_without_a_key(preset: str, *, vim: bool) -> None:
    mapping, problems = keymap({}, vim=vim, preset=preset)
    assert not problems
    for action in ACTIONS:
        keys = [key for key in keys_of(action, mapping) if key != NO_KEY]
        assert keys, action.id
        other = clashing(action, set(keys), mapping)
        assert other is None, f"{action.id} and {other and other.id}: {keys}"


def test_presets_have_the_keys_that_people_of_these_editors_expect() -> None:
    vim, _ = keymap({}, preset="vim")
    assert "y" in keys_of(BY_ID["transcript.copy"], vim)
    assert "u" in keys_of(BY_ID["conversation.undo"], vim)
    emacs, _ = keymap({}, preset="emacs")
    assert "ctrl+n" in keys_of(BY_ID["transcript.down"], emacs)
    assert emacs["prompt.cursor_up"] == "ctrl+p"
    assert "alt+x" in keys_of(BY_ID["app.palette"], emacs)
    assert "ctrl+n" not in keys_of(BY_ID["conversation.new"], emacs)


def test_a_key_of_ones_own_stands_above_the_preset() -> None:
    mapping, problems = keymap({"transcript.copy": "c"}, preset="vim")
    assert mapping["transcript.copy"] == "c"
    assert not problems


async def open_keys(pilot: Pilot[int], app: SternaApp, query: str) -> None:
    await until(pilot, app.context.ready.is_set)
    await app.perform("app.keys")
    await until(pilot, lambda: isinstance(app.screen, KeysScreen) and app.screen.focused is not None)
    await write(pilot, query)


async def choose(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, KeyDialog) and app.screen.focused is not None)


async def test_a_key_is_changed_by_pressing_it_and_is_in_force_at_once(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await open_keys(pilot, app, "conversation.rename")
        await choose(pilot, app)
        await pilot.press("f6")
        await until(pilot, lambda: "No clash with another action." in frame(app))
        await pilot.press("ctrl+x", "escape", "ctrl+x", "y", "enter")
        await until(pilot, lambda: app.context.keymap.get("conversation.rename") == "f6,leader_y")
        await until(pilot, lambda: "f6, ctrl+x y  changed" in frame(app))
    assert 'conversation.rename" = ["f6", "leader y"]' in (home.folder / "config.toml").read_text("utf-8")


async def test_a_clash_is_shown_and_saving_takes_the_key_from_the_other(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await open_keys(pilot, app, "conversation.rename")
        await choose(pilot, app)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "ctrl+n runs “New conversation” now" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.context.keymap.get("conversation.rename") == "ctrl+n")
        assert app.context.keymap["conversation.new"] == "leader_n"
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        await choose(pilot, app)
        await pilot.click("#default")
        await pilot.click("#save")
        await until(pilot, lambda: "conversation.rename" not in app.context.settings.keys)


async def test_a_letter_that_would_be_typed_is_refused_and_escape_changes_nothing(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await open_keys(pilot, app, "prompt.newline")
        await choose(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: "x would be typed into the prompt" in frame(app))
        await pilot.press("enter")
        assert isinstance(app.screen, KeyDialog)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        assert not app.context.settings.keys


async def test_a_preset_is_chosen_and_its_keys_work_at_once(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await open_keys(pilot, app, "emacs")
        await pilot.press("enter")
        await until(pilot, lambda: app.context.settings.ui.keys == "emacs")
        await until(pilot, lambda: "emacs" in frame(app) and "current" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await write(pilot, "ab")
        await pilot.press("ctrl+b", "c")
        await until(pilot, lambda: app.main.prompt.text == "acb")
