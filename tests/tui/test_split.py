"""Two conversations at once: one to read in, beside the one that is written to."""

from __future__ import annotations

import asyncio

from home import Home, frame, until, write
from textual.pilot import Pilot

from sterna.storage import Settled
from sterna.tui.app import SternaApp
from sterna.tui.main.reading_pane import ReadingPane


async def started(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, app.context.ready.is_set)
    await until(pilot, lambda: app.main.conversation.id is not None)


def pane(app: SternaApp) -> ReadingPane:
    return app.main.query_one(ReadingPane)


async def test_one_conversation_is_read_while_another_is_written_to(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await started(pilot, app)
        await pilot.press("ctrl+backslash")
        await until(pilot, lambda: "closes" in frame(app))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None)
        await write(pilot, "And storks?")
        await pilot.press("enter")
        await until(pilot, lambda: "Yes." in frame(app) and "from the Arctic to the Antarctic" in frame(app))
        assert pane(app).region.right <= app.main.transcript.region.x
        await pilot.press("ctrl+backslash")
        await until(pilot, lambda: not app.main.query(ReadingPane))
        assert app.main.prompt.has_focus


async def test_what_is_selected_in_the_list_is_read_beside_and_follows_changes(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(90, 40)) as pilot:
        await started(pilot, app)
        await pilot.press("ctrl+o", "j", "ctrl+backslash")
        await until(pilot, lambda: bool(app.main.query(ReadingPane)) and "Sterna, of course." in frame(app))
        assert pane(app).region.bottom <= app.main.transcript.region.y  # above it where the screen is narrow
        shown = pane(app).transcript.conversation_id
        assert shown not in (None, app.main.conversation.id)
        store = shelf.open()
        begun = store.live_replies.begin_turn(shown, "Another one?", model="test/small")
        store.live_replies.settle(begun.reply.id, Settled("done", "Arctica.", model="test/small"))
        store.close()
        await until(pilot, lambda: "Arctica." in frame(app))
        pane(app).transcript.focus()
        await pilot.press("end", "d")
        await until(pilot, lambda: any("to change it" in notice.message for notice in app._notifications))
        store = shelf.open()
        assert len(store.messages.before(str(shown), None, 9)) == 4
        store.trash.delete_conversation(str(shown))
        store.close()
        await until(pilot, lambda: not app.main.query(ReadingPane))


async def test_there_is_no_split_where_there_is_no_room(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(40, 14)) as pilot:
        await started(pilot, app)
        await pilot.press("ctrl+backslash")
        await until(pilot, lambda: any("no room" in notice.message for notice in app._notifications))
        assert not app.main.query(ReadingPane)


async def test_the_pane_is_opened_and_closed_as_fast_as_keys_come(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(140, 40)) as pilot:
        await started(pilot, app)
        for last, _ in enumerate(range(6)):
            app.main.conversation_actions.toggle_split()
            for _ in range(last * 2):
                await asyncio.sleep(0)
        app.main.sidebar.focus()
        await until(pilot, lambda: app.main.sidebar.rows.has_focus and app.main.sidebar.rows.cursor_id)
        app.main.conversation_actions.toggle_split()
        app.main.conversation_actions.toggle_split()
        read = app.main.sidebar.rows.cursor_id
        await until(pilot, lambda: [pane.transcript.conversation_id for pane in app.main.query(ReadingPane)] == [read])
        await until(pilot, lambda: "closes" in frame(app))
