"""Screen of the running program: two windows, its parts and their sizes, search, palette and models."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from home import (
    SIZE,
    Home,
    frame,
    notices,
    opened,
    shown,
    until,
    write,
)

from sterna.tui.pickers.command_palette import Palette


async def test_two_terminals_see_each_others_changes(home: Home) -> None:
    (only,) = home.seed(("shared", "text"))
    one, two = home.app(), home.app()
    async with one.run_test(size=SIZE) as pilot:
        await opened(pilot, one)
        one.main.navigation.go_to(only)
        await until(pilot, lambda: one.main.conversation.id == only)
        store = home.open()
        store.conversations.rename(only, "seen elsewhere")
        begun = store.live_replies.begin_turn(only, "a question from elsewhere", model=None)
        store.close()
        assert begun.session.id == only
        await until(pilot, lambda: frame(one).count("seen elsewhere") == 2)
        await shown(pilot, one, "a question from elsewhere")
    assert two is not one


@pytest.mark.parametrize("typed", ["half a thought", ""])
async def test_a_conversation_deleted_in_another_window_is_named_and_its_typed_text_kept(
    home: Home, typed: str
) -> None:
    (only,) = home.seed(("shared", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.navigation.go_to(only)
        await until(pilot, lambda: app.main.conversation.id == only)
        await write(pilot, typed)
        store = home.open()
        store.trash.delete_conversation(only)
        store.close()
        await until(pilot, lambda: app.main.conversation.id is None)
        await until(pilot, lambda: "“shared” was deleted in another window." in notices(app))
        assert ("Your text is still in the prompt." in notices(app)) is bool(typed)
        assert app.main.prompt.text == typed
        app.main.conversation_actions.undo_delete()
        await until(pilot, lambda: app.main.conversation.id == only)
        app.main.navigation.go_to(None)
        await until(pilot, lambda: app.main.conversation.id is None and app.main.prompt.text == typed)


async def test_every_part_is_reached_by_keys_and_escape_comes_back(home: Home) -> None:
    (only,) = home.seed(("one", "1"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.navigation.go_to(only)
        await until(pilot, lambda: app.main.conversation.id == only)
        within: list[tuple[str, Callable[[], bool]]] = [
            ("ctrl+g", lambda: app.main.transcript.has_focus_within or app.main.transcript.has_focus),
            ("escape", lambda: app.main.prompt.has_focus),
            ("ctrl+o", lambda: app.main.sidebar.has_focus_within),
            ("i", lambda: app.main.prompt.has_focus),
        ]
        for key, holds in within:
            await pilot.press(key)
            await until(pilot, holds)
        assert app.main.prompt.text == ""


async def test_hiding_the_list_gives_its_place_to_the_conversation(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: not app.main.sidebar.display)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: app.main.sidebar.display and app.main.sidebar.has_focus_within)


async def test_in_a_narrow_terminal_the_list_lies_over_the_conversation_until_one_is_chosen(home: Home) -> None:
    (only,) = home.seed(("one", "1"))
    app = home.app()
    async with app.run_test(size=(60, 20)) as pilot:
        await opened(pilot, app)
        assert not app.main.sidebar.display
        await pilot.press("ctrl+o")
        await until(pilot, lambda: app.main.sidebar.has_focus_within)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id == only)
        await until(pilot, lambda: not app.main.sidebar.display)
        assert app.main.prompt.has_focus


async def test_any_size_at_any_moment(home: Home) -> None:
    home.seed(("one", "1 " * 500))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+o", "enter")
        for size in ((40, 10), (20, 5), (1, 1), (200, 60), (69, 15), (70, 16)):
            await pilot.resize_terminal(*size)
            await pilot.press("a")
        await until(pilot, lambda: app.main.prompt.text == "aaaaaa")


async def test_search_finds_a_word_as_it_is_typed_and_opens_at_its_message(home: Home) -> None:
    target, _ = home.seed(("where do puffins nest", "In burrows, on cliffs."), ("lunch", "Soup."))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+r")
        await write(pilot, "burr")
        await shown(pilot, app, "In burrows")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id == target)
        await until(pilot, lambda: app.main.transcript.selected_message is not None)
        assert app.main.transcript.selected_message is not None
        assert app.main.transcript.selected_message.content == "In burrows, on cliffs."


async def test_the_palette_leaves_out_what_cannot_be_done_and_does_what_is_chosen(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        assert not app.can_perform("conversation.rename")
        assert not app.can_perform("reply.stop")
        await pilot.press("ctrl+p")
        await write(pilot, "light or")
        await shown(pilot, app, "Switch between light and dark")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "sterna-light")


async def test_a_model_is_chosen_for_one_conversation(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+l")
        await write(pilot, "large")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.status.model == "test/large")
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: home.model.requests)
        assert home.model.requests[0].model == "large"
        await until(pilot, lambda: app.main.conversation.id is not None)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None)
        assert app.main.status.model == "test/small"


async def test_the_palette_is_there_once_and_opens_again_while_it_still_closes(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.action_command_palette()
        await app.run_action("open_page('help')")
        app.action_command_palette()
        assert sum(isinstance(screen, Palette) for screen in app.screen_stack) == 1
        await app.pop_screen()
        app.pop_screen()
        app.action_command_palette()
        await until(pilot, lambda: isinstance(app.screen, Palette) and app.focused is not None)
