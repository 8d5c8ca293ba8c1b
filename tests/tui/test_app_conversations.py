"""Conversations in the running program: renamed, deleted, brought back, cleared, and given settings of their own."""

from __future__ import annotations

import pytest
from home import (
    SIZE,
    Home,
    frame,
    live_text,
    notices,
    open_title,
    opened,
    rows,
    shown,
    until,
    write,
)
from textual.pilot import Pilot

from sterna.storage import Store, StoreBusy, Trash
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.confirm import ConfirmClear


async def test_renaming_happens_in_the_list_and_holds_against_markup(home: Home) -> None:
    home.seed(("old title", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+o", "enter")
        await until(pilot, lambda: app.main.conversation.id is not None)
        await pilot.press("f2")
        await until(pilot, lambda: app.main.sidebar.title.has_focus)
        await pilot.press("ctrl+u")
        await write(pilot, "[/x] [b]mine")
        await pilot.press("enter")
        await shown(pilot, app, "[/x] [b]mine")
        await until(
            pilot,
            lambda: open_title(app) == "[/x] [b]mine",
        )
        await until(pilot, lambda: app.main.prompt.has_focus)
    assert rows(home) == ["[/x] [b]mine"]


async def test_deleting_offers_undo_and_undo_brings_everything_back(home: Home) -> None:
    first, second = home.seed(("keep me", "1"), ("[/b] lose me", "2"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.navigation.go_to(second)
        await until(pilot, lambda: app.main.conversation.id == second)
        await pilot.press("f8")
        await until(pilot, lambda: "ctrl+_ undoes this" in notices(app))
        assert app.main.conversation.id == first
        assert rows(home) == ["keep me"]
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: app.main.conversation.id == second)
        await shown(pilot, app, "lose me")
    assert rows(home) == ["[/b] lose me", "keep me"]


async def test_what_stood_in_the_prompt_goes_with_its_conversation_and_comes_back_with_it(home: Home) -> None:
    first, second = home.seed(("keep me", "1"), ("lose me", "2"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        for delete in ("one", "all"):
            app.main.navigation.go_to(second)
            await until(pilot, lambda: app.main.conversation.id == second)
            await write(pilot, f"{delete} ")
            kept = app.main.prompt.text
            if delete == "one":
                await pilot.press("f8")
                await until(pilot, lambda: app.main.conversation.id == first)
            else:
                await clear(pilot, app, "2")
                await until(pilot, lambda: app.main.conversation.id is None)
            await until(pilot, lambda: app.main.prompt.text == "")
            await until(pilot, lambda: "undoes this" in notices(app))
            app.clear_notifications()
            await pilot.press("ctrl+underscore")
            await until(pilot, lambda: "Restored" in notices(app))
            app.main.navigation.go_to(second)
            await until(pilot, lambda: app.main.conversation.id == second)
            assert app.main.prompt.text == kept


async def test_undo_with_nothing_deleted_says_so(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: "Nothing to undo" in notices(app))


async def test_a_conversation_is_deleted_while_a_reply_arrives_and_comes_back_with_what_came(home: Home) -> None:
    home.model.say("first second third")
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: live_text(app))
        await app.perform("conversation.delete")
        await until(pilot, lambda: "Deleted" in notices(app))
        assert rows(home) == []
        await app.perform("conversation.undo")
        await until(pilot, lambda: app.main.conversation.record is not None)
        await until(pilot, lambda: "first" in frame(app))
    assert rows(home) == ["go"]


async def test_what_cannot_be_cleared_now_is_told_and_the_chat_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.seed(("one?", "one."), ("two?", "two."))

    def busy(self: Store) -> None:
        raise StoreBusy("Another program is writing. Try again.")

    monkeypatch.setattr(Trash, "clear_all", busy)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await clear(pilot, app, "2")
        await until(pilot, lambda: "Try again." in notices(app))
        await pilot.press(*"more", "enter")
        await until(pilot, lambda: len(home.model.requests) == 1)


async def clear(pilot: Pilot[int], app: SternaApp, typed: str) -> None:
    await pilot.press("shift+f8")
    await until(pilot, lambda: isinstance(app.screen, ConfirmClear))
    await pilot.press(*typed, "enter")
    await pilot.pause()


async def test_everything_is_deleted_only_when_the_person_types_it_and_can_be_brought_back(home: Home) -> None:
    home.seed(*((f"talk {number}", "text") for number in range(12)))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await clear(pilot, app, "yes")
        assert "Nothing was deleted" in frame(app)
        assert len(rows(home)) == 12
        await pilot.press("escape")
        await clear(pilot, app, "12")
        await until(pilot, lambda: rows(home) == [])
        await shown(pilot, app, "Welcome to Sterna.")
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: len(rows(home)) == 12)


async def test_a_conversation_keeps_its_own_system_prompt_and_temperature(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("f4")
        await until(pilot, lambda: app.screen is not app.main)
        await write(pilot, "Be brief.")
        await pilot.press("tab", *"9", "enter")
        await shown(pilot, app, "is not a number from 0 to 2")
        await pilot.press("backspace", *"0.5", "enter")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: home.model.requests)
        request = home.model.requests[0]
        assert request.temperature == 0.5
        assert [(message.role, message.content) for message in request.messages] == [
            ("system", "Be brief."),
            ("user", "hi"),
        ]
