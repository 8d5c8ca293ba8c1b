"""The screen over a history that cannot be written, and drafts in two windows at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from home import Home, until, write

from sterna.storage import LiveReplies, StoreFull
from sterna.storage.database import opening
from sterna.tui.app import SternaApp

SIZE = (80, 24)


def notices(app: SternaApp) -> str:
    return "\n".join(notification.message for notification in app._notifications)


@pytest.fixture
def locked(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The system refuses to open the file for writing, until the fixture is called."""
    refuse = True
    allowed = opening._private

    def private(path: Path) -> None:
        if refuse:
            raise PermissionError(13, os.strerror(13), str(path))
        allowed(path)

    def give_back() -> None:
        nonlocal refuse
        refuse = False

    home.seed(("Where do terns breed?", "In the Arctic."))
    monkeypatch.setattr(opening, "_private", private)
    return give_back


async def test_a_history_that_cannot_be_written_is_shown_and_says_so(home: Home, locked: Callable[[], None]) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.main.status.read_only)
        await until(pilot, lambda: "Read-only: you can read, search and export. " in notices(app))
        assert "Give your user the right" in notices(app)
        app.main.sidebar.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id is not None)
        assert "read-only" in app.main.status.render().plain
        app.main.prompt.focus()
        await write(pilot, "And in winter?")
        await pilot.press("enter")
        await until(pilot, lambda: "Not sent. Your text is still in the prompt." in notices(app))
        assert app.main.prompt.text == "And in winter?"
        locked()
        await pilot.press("enter")
        await until(pilot, lambda: len(home.model.requests) == 1 and app.main.conversation.live_reply is None)
        await until(pilot, lambda: not app.main.status.read_only)
    assert app.farewell is None


async def test_what_could_not_be_saved_is_given_back_at_the_end(home: Home, locked: Callable[[], None]) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "precious")
        await until(pilot, lambda: "The draft is not saved yet." in notices(app))
        app.main.sidebar.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id is not None)
        await app.main.navigation.open(None)
        assert app.main.prompt.text == "precious"
    assert app.farewell is not None
    assert app.farewell.endswith("This text could not be saved:\n\nprecious")


async def test_a_reply_that_a_full_disk_does_not_take_is_said_and_given_back_at_the_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFull("No space is left.")

    home.model.say("In the Arctic.")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        monkeypatch.setattr(LiveReplies, "settle", full)
        monkeypatch.setattr(LiveReplies, "save", full)
        await write(pilot, "Where do terns breed?")
        await pilot.press("enter")
        await until(pilot, lambda: "Saved so far: your question, nothing of the reply yet." in notices(app))
    assert app.farewell is not None
    assert app.farewell.endswith("The reply:\n\nIn the Arctic.")
    store = home.open()
    (row,) = store.conversations.page(0, 9)
    assert [message.content for message in store.messages.after(row.id, None, 9)] == ["Where do terns breed?"]
    store.close()


async def test_a_second_window_begins_a_new_conversation_empty_and_the_next_one_finds_what_was_left(
    home: Home,
) -> None:
    first, second = home.app(), home.app()
    async with first.run_test(size=SIZE) as one:
        await until(one, first.context.ready.is_set)
        await write(one, "the first window's")
        await first.main.navigation.save_draft()
        async with second.run_test(size=SIZE) as two:
            await until(two, second.context.ready.is_set)
            assert second.main.prompt.text == ""
            await write(two, "the second window's")
        home.clock.forward(minutes=1)
        await write(one, ", and more")
    third = home.app()
    async with third.run_test(size=SIZE) as pilot:
        await until(pilot, third.context.ready.is_set)
        assert third.main.prompt.text == "the first window's, and more"
        assert "1 more unsent draft is saved" in notices(third)
    assert home.open().drafts.get(None) == "the first window's, and more"
