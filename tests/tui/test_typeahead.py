"""What a person types right behind a key that opens something is in what it opens."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest
from home import SIZE, Home, burst, opened, rows, until
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from sterna.storage import ConversationSummary
from sterna.tui.actions.action import Action
from sterna.tui.actions.registry import ACTIONS
from sterna.tui.actions.typeahead import typeahead
from sterna.tui.app import SternaApp


async def in_conversation(pilot: Pilot[int], app: SternaApp) -> None:
    await opened(pilot, app)
    await pilot.press("ctrl+o", "enter")
    await until(pilot, lambda: app.main.conversation.id is not None and app.main.prompt.has_focus)
    await until(pilot, lambda: app.main.transcript.loaded and app.main.status.activity == "")


async def test_a_title_typed_right_behind_f2_is_the_title(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        burst(app, "f2", *"mine", "enter")
        await until(pilot, lambda: rows(home) == ["mine"])
        await until(pilot, lambda: app.main.prompt.has_focus)
        assert app.main.prompt.text == ""


async def test_letters_typed_right_behind_a_rename_in_the_list_are_no_commands_there(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+o")
        burst(app, "r", *"dad", "enter")
        await until(pilot, lambda: rows(home) == ["dad", "one"])


@pytest.mark.parametrize("has_focus", [True, False])
async def test_a_title_that_opens_under_a_dialog_is_not_left_open_without_the_focus(
    has_focus: bool, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        title, read_row = app.main.sidebar.title, app.main.sidebar.rows.read_row

        async def slow(index: int) -> ConversationSummary | None:
            while app.screen is app.main or (has_focus and app.focused is None):  # noqa: ASYNC110 - catches a short moment
                await asyncio.sleep(0)
            return await read_row(index)

        monkeypatch.setattr(app.main.sidebar.rows, "read_row", slow)
        app.main.sidebar.start_rename()
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.screen is not app.main and app.focused is not None and title.is_open)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main and title.has_focus)
        await pilot.press("end", *"!", "enter")
        await until(pilot, lambda: "two!" in rows(home))


async def test_words_typed_right_behind_a_search_or_the_choice_of_a_model_are_in_its_field(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        for focus in ("escape", "ctrl+g"):
            for key in ("ctrl+r", "ctrl+l", "ctrl+p"):
                await pilot.press(focus)
                burst(app, key, *"dodo")
                await until(pilot, lambda: app.screen is not app.main and app.screen.query(Input))
                await until(pilot, lambda: app.screen.query_one(Input).value.endswith("dodo"))
                app.pop_screen()
                await pilot.pause()
        assert app.main.prompt.text == ""


async def test_a_key_that_opens_nothing_gives_the_letters_back_to_the_prompt(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        burst(app, "f2", *"words")
        await until(pilot, lambda: app.main.prompt.text == "words")


def messages(home: Home) -> int:
    with closing(home.open()) as store:
        return sum(len(store.messages.before(row.id, None, 50)) for row in store.conversations.page(0, 50))


SENTENCES = ("and do it", "do it", "draw a duck", "Dad, are you there", "just do it", "good", "you can", "now do it")


@pytest.mark.parametrize("place", ["ctrl+o", "ctrl+g"])
async def test_a_sentence_typed_in_the_list_or_the_messages_is_in_the_prompt(place: str, home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        stored = messages(home)
        for sentence in [*SENTENCES, *(["read it"] if place == "ctrl+g" else [])]:
            burst(app, place, *sentence)
            await until(pilot, lambda text=sentence: app.main.prompt.text == text)
            assert app.main.prompt.has_focus
            app.main.prompt.put("")
        assert rows(home) == ["two", "one"]
        assert messages(home) == stored
        assert not home.model.requests


async def test_a_letter_that_deletes_does_so_when_no_text_follows(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"), ("three", "text"), ("four", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        burst(app, "ctrl+o", "d")
        await until(pilot, lambda: rows(home) == ["three", "two", "one"])
        await until(pilot, lambda: app.main.sidebar.rows.lines.rows == 3)
        burst(app, "d", "j")  # a move behind it is a command as well
        await until(pilot, lambda: rows(home) == ["two", "one"])


async def test_a_letter_deletes_the_selected_message_when_no_text_follows(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        burst(app, "ctrl+g", "d")
        await until(pilot, lambda: messages(home) == 3)
        assert app.main.prompt.text == ""


@pytest.mark.parametrize("letter", ["p", "a"])
async def test_the_filter_opens_right_behind_a_letter_that_changes_the_list(home: Home, letter: str) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+o", "j")
        burst(app, letter, "slash", "t")
        await until(pilot, lambda: app.main.sidebar.filter.value == "t")
        await until(pilot, lambda: rows(home) == (["one", "two"] if letter == "p" else ["two"]))
        assert app.main.prompt.text == ""


async def test_a_letter_that_deletes_spares_what_a_click_has_chosen_meanwhile(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+o")
        burst(app, "d")
        await pilot.pause()
        app.main.sidebar.rows.move_to(1)
        await pilot.press("up", "down")
        assert rows(home) == ["two", "one"]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_letter_that_destroys_waits_for_what_follows(action: Action) -> None:
    letters = [key for key in action.key.split(",") if len(key) == 1]
    destroys = action.run.startswith(("delete", "clear", "retry"))
    changes = ("transcript.continue", "transcript.fork", "sidebar.pin", "sidebar.archive")
    destroys = destroys or action.id in changes
    assert action.destroys == bool(destroys and letters)


async def test_a_wait_that_outlives_the_screens_is_no_mistake(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        waiting = typeahead(app)
        waiting.hold(app, events.Key("enter", None))
        assert waiting._timer is not None
        poll = waiting._timer._callback
        screens = app.screen_stack
        app._screen_stack.clear()
        try:
            assert poll is not None
            poll()  # type: ignore[call-arg]
        finally:
            app._screen_stack.extend(screens)


@pytest.mark.parametrize("pasted", ["/no/such/file", "/title Terns", "'tis", "~"])
async def test_what_is_typed_behind_a_paste_that_may_name_a_file_stands_behind_it(pasted: str, home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.post_message(events.Paste(pasted))
        burst(app, *"-and-more")
        await until(pilot, lambda: len(app.main.prompt.text) == len(f"{pasted}-and-more"))
        assert app.main.prompt.text == f"{pasted}-and-more"


async def test_a_message_sent_right_behind_a_paste_that_may_name_a_file_is_sent_with_it(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.post_message(events.Paste("'Terns' and 'gulls'"))
        burst(app, "enter")
        await until(pilot, lambda: home.model.requests)
        assert home.model.requests[0].messages[-1].content == "'Terns' and 'gulls'"


async def test_keys_pressed_while_the_history_is_being_opened_do_what_they_do_once_it_is_open(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    begin, app.begin = app.begin, lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.main.prompt.has_focus)
        burst(app, *"so", "ctrl+r", *"two")
        await until(pilot, lambda: typeahead(app).waiting)
        begin()
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "two")
        assert app.main.prompt.text == "so"


async def test_keys_are_not_held_back_for_longer_than_a_second_by_a_history_that_takes_long_to_open(home: Home) -> None:
    app = home.app()
    begin, app.begin = app.begin, lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.main.prompt.has_focus)
        burst(app, "ctrl+r", *"one")
        await until(pilot, lambda: app.main.prompt.text == "one")
        burst(app, "ctrl+r", *" two")
        await until(pilot, lambda: app.main.prompt.text == "one two")
        assert not typeahead(app).waiting
        begin()
        await opened(pilot, app)
        assert app.screen is app.main
