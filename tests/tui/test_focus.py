"""The focus comes back to where it was, and keys typed behind a closing key go there."""

from __future__ import annotations

import pytest
from home import SIZE, Home, opened, rows, until
from test_typeahead import burst, in_conversation
from textual import events
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from sterna.tui.actions.typeahead import typeahead
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.confirm import ConfirmClear

OPENED_BY = {
    "rename": "f2",
    "search": "ctrl+r",
    "model": "ctrl+l",
    "commands": "ctrl+p",
    "settings": "f9",
    "system prompt": "f4",
    "help": "f1",
    "account": "shift+f2",
    "sync": "shift+f9",
    "themes": "shift+f7",
    "clear": "shift+f8",
}
PLACES = {"prompt": "escape", "messages": "ctrl+g", "list": "ctrl+o"}


async def is_open(pilot: Pilot[int], app: SternaApp, before: Widget | None) -> None:
    await until(pilot, lambda: app.screen is not app.main or app.focused is not before)
    await until(pilot, lambda: app.focused is not None)


@pytest.mark.parametrize("place", PLACES)
async def test_escape_gives_the_focus_back_to_where_it_was(place: str, home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press(PLACES[place])
        await pilot.pause()
        before = app.focused
        for name, key in OPENED_BY.items():
            burst(app, key)
            await is_open(pilot, app, before)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)
            await until(pilot, lambda: app.focused is before)
            assert app.main.focused is before, name
        assert rows(home) == ["two", "one"]


async def test_words_typed_right_behind_escape_are_in_the_prompt(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        before = app.focused
        for name in (name for name in OPENED_BY if name != "help"):
            burst(app, OPENED_BY[name])
            await is_open(pilot, app, before)
            burst(app, "escape", *"d dd words")
            await until(pilot, lambda: app.main.prompt.text == "d dd words")
            assert rows(home) == ["two", "one"], name
            app.main.prompt.clear()


async def test_the_filter_gives_the_focus_back_to_the_list_or_to_the_prompt(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+o", "slash", *"one")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.sidebar.rows.has_focus and not app.main.sidebar.filter.value)
        await pilot.press("escape")
        await pilot.click("FilterInput")
        await until(pilot, lambda: app.main.sidebar.filter.has_focus)
        burst(app, *"two", "escape", *"words")
        await until(pilot, lambda: app.main.prompt.text == "words")
        burst(app, "ctrl+o", "slash", *"one", "escape", "escape", *" more")
        await until(pilot, lambda: app.main.prompt.text == "words more")
        assert app.main.sidebar.filter.value == ""


async def test_two_fields_do_not_give_the_focus_to_each_other_for_ever(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+o", "slash", "o", "ctrl+f")
        await until(pilot, lambda: app.focused is not None and app.focused.parent is app.main.query_one("#find"))
        await pilot.press("escape")
        await until(pilot, lambda: app.main.sidebar.filter.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: app.main.sidebar.rows.has_focus)
        await pilot.press("escape", "n", "o")
        await until(pilot, lambda: app.main.prompt.text == "no")


async def test_a_new_title_and_the_words_behind_it(home: Home) -> None:
    home.seed(("one", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        burst(app, "f2", *"mine", "enter", *"next words")
        await until(pilot, lambda: app.main.prompt.text == "next words")
        await until(pilot, lambda: rows(home) == ["mine"])
        await pilot.press("ctrl+o")
        burst(app, "r", *"dad", "enter")
        await until(pilot, lambda: rows(home) == ["dad"])
        assert app.main.sidebar.rows.has_focus, "it was in the list"


async def test_words_behind_a_key_that_opens_a_conversation_are_in_its_prompt(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        for keys in (["ctrl+n"], ["alt+down"], ["ctrl+o", "j", "enter"], ["ctrl+o", "i"], ["ctrl+g", "escape"]):
            before = app.main.conversation.id
            burst(app, *keys, *"d words")
            await until(pilot, lambda: app.main.prompt.text == "d words")
            assert app.main.prompt.has_focus
            assert (app.main.conversation.id != before) == (len(keys[-1]) > 1 and keys[-1] != "escape"), keys
            app.main.prompt.put("")
        assert len(rows(home)) == 2


async def test_a_list_shown_for_a_rename_is_hidden_again(home: Home) -> None:
    home.seed(("one", "text"))
    app = home.app()
    async with app.run_test(size=(60, 20)) as pilot:
        await in_conversation(pilot, app)
        for leave in ("escape", "enter"):
            await pilot.press("f2")
            await until(pilot, lambda: app.main.sidebar.title.has_focus)
            assert app.main.has_class("-list")
            await pilot.press(leave)
            await until(pilot, lambda: app.main.prompt.has_focus and not app.main.has_class("-list"))


async def test_a_refused_answer_keeps_what_is_typed_behind_it(home: Home) -> None:
    home.seed(("one", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        burst(app, "shift+f8")
        await until(pilot, lambda: app.screen is not app.main)
        burst(app, *"no", "enter", *"pe")
        await until(pilot, lambda: [field.value for field in app.screen.query(Input)] == ["nope"])
        assert rows(home) == ["one"]


async def test_what_is_typed_before_a_dialog_has_the_focus_goes_to_its_field(home: Home) -> None:
    home.seed(("one", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.push_screen(ConfirmClear(1))
        assert app.focused is None
        burst(app, *"nope")
        await until(pilot, lambda: [field.value for field in app.screen.query(Input)] == ["nope"])


async def test_what_is_typed_while_a_dialog_takes_long_to_close_is_in_the_prompt(home: Home) -> None:
    home.seed(("one", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.set_focus(None)
        typeahead(app).hold(app, events.Key("escape", None))
        burst(app, *"hello")
        await until(pilot, lambda: app.main.prompt.text == "hello")
        assert app.main.prompt.has_focus


async def test_a_paste_behind_a_closing_key_is_in_the_prompt(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        burst(app, "ctrl+r")
        await until(pilot, lambda: app.screen is not app.main and app.focused is not None)
        burst(app, "escape")
        app.post_message(events.Paste("pasted"))
        burst(app, "!")
        await until(pilot, lambda: app.main.prompt.text == "pasted!")
