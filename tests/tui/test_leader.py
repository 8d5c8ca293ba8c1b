"""The leader key: two keys in a row are one command, and a panel shows which ones there are."""

from __future__ import annotations

import pytest
from home import SIZE, Home, frame, opened, rows, says, shown, until
from test_typeahead import burst, in_conversation
from textual.widgets import Input

from sterna.tui.actions.bindings import key_name, key_names, keymap
from sterna.tui.actions.registry import ACTIONS
from sterna.tui.main.leader import LeaderPanel


async def test_the_leader_key_shows_what_may_follow_and_the_next_key_runs_it(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x")
        await shown(pilot, app, "r Rename")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.focused, Input))
        assert not app.main.query_one(LeaderPanel).display


def test_the_panel_cuts_no_title_in_eighty_columns() -> None:
    with_leader = [action for action in ACTIONS if any(key.startswith("leader") for key in action.key.split(","))]
    assert [action.id for action in with_leader if len(action.brief or action.title) > 15] == []


async def test_a_command_of_two_keys_runs_behind_the_letters_before_it_and_before_those_behind_it(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        burst(app, *"kept ", "ctrl+x", "r", *"mine", "enter")
        await until(pilot, lambda: rows(home) == ["mine"])
        assert app.main.prompt.text == "kept "


async def test_escape_leaves_and_an_unknown_key_is_named_and_types_nothing(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+x", "escape", "r")
        await until(pilot, lambda: app.main.prompt.text == "r")
        await pilot.press("ctrl+x", "0", "s")
        await says(pilot, app, "No command on ctrl+x 0.")
        assert app.main.prompt.text == "rs"


async def test_only_what_makes_sense_now_is_shown(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+x")
        await shown(pilot, app, "n New ")
        assert "Rename" not in frame(app)


async def test_a_click_on_the_panel_runs_the_command_and_a_click_elsewhere_closes_it(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x")
        await shown(pilot, app, "h Help")
        await pilot.click("Welcome" if app.main.welcome.display else "Heading")
        await until(pilot, lambda: not app.main.query_one(LeaderPanel).display)
        await pilot.press("escape", "ctrl+x")
        await shown(pilot, app, "h Help")
        lines = frame(app).split("\n")
        row = next(number for number, line in enumerate(lines) if "h Help" in line)
        await pilot.click(offset=(lines[row].index("h Help") + 3, row))
        await until(pilot, lambda: app.screen is not app.main)
        assert "Help" in frame(app)


async def test_twice_cuts_the_selected_text(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press(*"one two", "ctrl+shift+left", "ctrl+x", "ctrl+x")
        await until(pilot, lambda: app.main.prompt.text == "one ")
        assert app.clipboard == "two"


@pytest.mark.parametrize("size", [(40, 14), (80, 24)])
async def test_what_does_not_fit_is_on_further_pages(size: tuple[int, int], home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=size) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x")
        await shown(pilot, app, "n New ")
        seen = frame(app)
        for _ in range(6):
            await pilot.press("pagedown")
            await pilot.pause()
            seen += frame(app)
        for title in ("n New ", "r Rename", "q Quit", "h Help"):
            assert title in seen


async def test_a_dialog_that_opens_behind_the_leader_key_ends_it(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        burst(app, "ctrl+r", "ctrl+x")  # the search opens a moment after its key
        await until(pilot, lambda: app.screen is not app.main and isinstance(app.focused, Input))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main and app.main.prompt.has_focus)
        await pilot.press(*"dog")
        await until(pilot, lambda: app.main.prompt.text == "dog")
        assert rows(home) == ["old title"]


def test_sequences_can_be_remapped_and_are_written_with_the_leader_key() -> None:
    mapping, problems = keymap({"app.leader": "ctrl+g", "transcript.focus": "ctrl+g 1", "app.screenshot": "leader 2"})
    assert problems == []
    assert mapping["transcript.focus"] == "leader_1"
    assert key_name(mapping["app.screenshot"], "ctrl+g") == "ctrl+g 2"
    assert key_names("leader comma,f9") == "ctrl+x ,, f9"


def test_a_sequence_that_is_taken_or_begins_with_another_key_is_refused_in_a_sentence() -> None:
    mapping, problems = keymap({"conversation.rename": "leader n", "app.help": "ctrl+z h"})
    assert mapping == {}
    assert problems == [
        "[keys]: “ctrl+z h” is no key. Two keys in a row begin with “leader”.",
        "[keys]: ctrl+x n already belongs to “conversation.new”, so “conversation.rename” keeps ctrl+x r, f2.",
    ]
