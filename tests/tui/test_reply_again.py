"""A reply asked for again, as a person sees it: the old one stays until there is a better one, and undo covers it."""

from __future__ import annotations

import pytest
from home import SIZE, Home, frame, no_reply_runs, notices, shown, until
from test_typeahead import in_conversation
from textual.pilot import Pilot

from sterna.providers import Event, Failed, FailureKind
from sterna.tui.app import SternaApp

DOWN: list[Event] = [Failed(FailureKind.SERVER, "The server is down.")]


def texts(home: Home) -> list[str]:
    """What the file has of the one conversation."""
    store = home.open()
    try:
        return [message.content for message in store.messages.before(store.conversations.page(0, 1)[0].id, None, 9)]
    finally:
        store.close()


async def settled(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, lambda: no_reply_runs(app))
    await until(pilot, lambda: app.main.status.activity == "")


async def test_the_old_reply_stays_until_the_new_one_is_there_and_undo_brings_it_back(home: Home) -> None:
    home.seed(("hello", "the first reply"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("the second reply")
        home.model.hold()
        await pilot.press("f5")
        await shown(pilot, app, "the first reply")
        await until(pilot, lambda: home.model.requests)
        assert texts(home) == ["hello", "the first reply"]
        home.model.release()
        await shown(pilot, app, "‹ 2 of 2 ›")
        await until(pilot, lambda: "the first reply" not in frame(app))
        assert texts(home) == ["hello", "the second reply"]
        await pilot.press("ctrl+g", "v")
        await until(pilot, lambda: texts(home) == ["hello", "the first reply"])
        await shown(pilot, app, "the first reply")
        await pilot.press("v")
        await until(pilot, lambda: texts(home) == ["hello", "the second reply"])


@pytest.mark.parametrize("how", ["down", "stopped"])
async def test_a_retry_without_text_leaves_the_reply_on_the_screen_as_it_was(home: Home, how: str) -> None:
    home.seed(("hello", "the first reply"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say(DOWN if how == "down" else [])
        await pilot.press("f5")
        await until(pilot, lambda: home.model.requests)
        if how == "stopped":
            await pilot.press("escape")
        await settled(pilot, app)
        await until(pilot, lambda: "Kept the previous reply." in notices(app))
        await until(pilot, lambda: len(app.main.transcript._views) == 2)
        assert texts(home) == ["hello", "the first reply"]
        assert frame(app).count("the first reply") >= 1
        assert "versions" not in frame(app)


async def test_undo_after_a_retry_brings_the_old_reply_back(home: Home) -> None:
    home.seed(("hello", "the first reply"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("the second reply")
        await pilot.press("f5")
        await until(pilot, lambda: texts(home) == ["hello", "the second reply"])
        await settled(pilot, app)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: texts(home) == ["hello", "the first reply"])
        await shown(pilot, app, "the first reply")
        # the list's preview is of the newest message, whichever branch is shown
        await until(
            pilot, lambda: [view.content for view in app.main.transcript._views] == ["hello", "the first reply"]
        )
