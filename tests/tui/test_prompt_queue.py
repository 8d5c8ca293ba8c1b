"""Messages that wait for the end of a reply: shown, stored, sent, held, and taken back."""

from __future__ import annotations

from home import SIZE, Home, frame, live_text, notices, opened, settled, until, write
from textual.pilot import Pilot

from sterna.providers import Delta, Failed, FailureKind
from sterna.tui.app import SternaApp


def sent(home: Home) -> list[str]:
    """Questions that reached the model."""
    return [request.messages[-1].content for request in home.model.requests]


def stored(home: Home, app: SternaApp) -> str:
    store = home.open()
    try:
        (row,) = store.db.rows("select content from drafts where session_id = :id", id=app.main.conversation.id)
        return str(row["content"])
    finally:
        store.close()


async def queue(pilot: Pilot[int], app: SternaApp, *texts: str) -> None:
    """Ask something whose reply does not end, and let texts wait behind it."""
    await opened(pilot, app)
    await write(pilot, "begin")
    await pilot.press("enter")
    await until(pilot, lambda: live_text(app))
    for text in texts:
        await write(pilot, text)
        await pilot.press("enter")
        await until(pilot, lambda text=text: app.main.prompt.text == "" and text in frame(app))


async def test_messages_written_while_a_reply_arrives_are_sent_one_after_the_other(home: Home) -> None:
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await queue(pilot, app, "second", "//third")
        assert "Next: second" in frame(app)
        assert sent(home) == ["begin"]
        home.model.release()
        await until(pilot, lambda: sent(home) == ["begin", "second", "/third"])
        await until(pilot, lambda: not app.main.queue_bar.display)
        await until(pilot, lambda: app.main.conversation.live_reply is None)
    store = home.open()
    assert store.db.rows("select content from drafts") == []
    store.close()


async def test_after_a_reply_that_was_stopped_the_next_message_is_held_until_enter_sends_it(home: Home) -> None:
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await queue(pilot, app, "second")
        await pilot.press("escape")
        await until(pilot, lambda: "Not sent: second" in frame(app))
        assert sent(home) == ["begin"]
        home.model.release()
        await pilot.press("enter")
        await until(pilot, lambda: sent(home) == ["begin", "second"])
        assert "prompt is empty" not in notices(app)


async def test_after_a_reply_that_failed_the_next_message_is_held(home: Home) -> None:
    home.model.say([Delta("It "), Failed(FailureKind.SERVER, "The server is ill.")])
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "begin")
        await pilot.press("enter")
        await until(pilot, lambda: home.model.requests and app.main.conversation.live_reply is not None)
        await write(pilot, "second")
        await pilot.press("enter")
        await until(pilot, lambda: "Next: second" in frame(app))
        home.model.release()
        await until(pilot, lambda: "Not sent: second" in frame(app))
        assert sent(home) == ["begin"]


async def test_a_waiting_message_is_taken_back_by_key_by_click_and_by_up(home: Home) -> None:
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await queue(pilot, app, "second", "third", "fourth")
        await pilot.press("up")
        await until(pilot, lambda: app.main.prompt.text == "fourth")
        await pilot.press("alt+q")
        await until(pilot, lambda: app.main.prompt.text == "third\nfourth")
        await until(pilot, lambda: "Next: second" in frame(app) and "Next: second\n" not in stored(home, app))
        await settled(pilot, app)
        await pilot.click("#queue", offset=(10, 0))
        await until(pilot, lambda: app.main.prompt.text == "second\nthird\nfourth")
        assert not app.main.queue_bar.display
        home.model.release()
        await until(pilot, lambda: app.main.conversation.live_reply is None)
        assert sent(home) == ["begin"]


async def test_waiting_messages_survive_the_end_of_the_program_and_are_not_sent_by_themselves(home: Home) -> None:
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await queue(pilot, app, "second", "third")
        await write(pilot, "half a thou")
        await pilot.press("f10")
    home.model.release()
    again = home.app()
    async with again.run_test(size=SIZE) as pilot:
        await opened(pilot, again)
        await until(pilot, lambda: "Not sent: second" in frame(again))
        assert again.main.prompt.text == "half a thou"
        assert sent(home) == ["begin"]
        again.main.prompt.empty()
        await pilot.press("enter")
        await until(pilot, lambda: sent(home) == ["begin", "second", "third"])


async def test_the_queue_of_a_conversation_goes_on_while_another_one_is_open(home: Home) -> None:
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await queue(pilot, app, "second")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None)
        assert not app.main.queue_bar.display
        await write(pilot, "elsewhere")
        home.model.release()
        await until(pilot, lambda: sent(home) == ["begin", "second"])
        assert app.main.prompt.text == "elsewhere"
        assert app.main.conversation.id is None


def attached(app: SternaApp) -> list[str]:
    """Names of what is attached to the prompt."""
    return [item.name for item in app.main.attachments.items]


async def test_files_wait_with_their_message_and_come_back_with_it(home: Home) -> None:
    for name in ("one.txt", "two.txt"):
        (home.folder / name).write_text(f"the text of {name}")
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await queue(pilot, app, "plain")
        for name in ("one.txt", "two.txt"):
            await write(pilot, f"{home.folder / name} ")
            await until(pilot, lambda name=name: attached(app) == [name])
            await write(pilot, f"see {name}")
            await pilot.press("enter")
            await until(pilot, lambda name=name: f"see {name} (1 file)" in frame(app) and attached(app) == [])
        await write(pilot, f"{home.folder / 'one.txt'} ")
        await until(pilot, lambda: attached(app) == ["one.txt"])
        await pilot.press("f10")
    again = home.app()
    async with again.run_test(size=SIZE) as pilot:
        await opened(pilot, again)
        await until(pilot, lambda: "see two.txt (1 file)" in frame(again))
        await pilot.press("alt+q")
        await until(pilot, lambda: again.main.prompt.text == "see two.txt" and attached(again) == ["two.txt"])
        again.main.prompt.empty()
        again.main.attachments.remove_one()
        home.model.release()
        await pilot.press("enter")
        await until(pilot, lambda: len(home.model.requests) == 3)
        await until(pilot, lambda: not again.main.queue_bar.display)
        assert "the text of one.txt" in home.model.requests[2].messages[-1].content
        assert "see one.txt" in home.model.requests[2].messages[-1].content
    store = home.open()
    assert store.db.rows("select content from drafts") == []
    store.close()
