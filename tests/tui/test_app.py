"""What a person does with the chat, from the first key to the last."""

from __future__ import annotations

import asyncio
import contextvars

from home import (
    SIZE,
    Home,
    frame,
    live_text,
    no_reply_runs,
    notices,
    opened,
    rows,
    shown,
    until,
    write,
)
from textual import events

from sterna import config
from sterna.providers import Catalog, Failed, FailureKind
from sterna.storage import Change, StoreFull, StoreThread


async def test_a_first_prompt_is_stored_answered_and_listed(home: Home) -> None:
    home.model.say("Terns fly from pole to pole.")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await write(pilot, "which bird flies furthest")
        await pilot.press("enter")
        await shown(pilot, app, "pole to pole")
        await until(pilot, lambda: no_reply_runs(app))
        await until(pilot, lambda: app.main.status.activity == "")
        assert app.main.prompt.text == ""
        await shown(pilot, app, "which bird flies furthest")
        other = home.open()
        await until(pilot, lambda: not other.conversations.page(0, 1)[0].unread)
        other.close()
    store = home.open()
    (row,) = store.conversations.page(0, 10)
    assert [message.content for message in store.messages.before(row.id, None, 10)] == [
        "which bird flies furthest",
        "Terns fly from pole to pole.",
    ]
    assert store.drafts.get(None) == store.drafts.get(row.id) == ""
    store.close()


async def test_what_is_typed_and_sent_before_the_file_is_open_is_sent_once_it_is(home: Home) -> None:
    app = home.app()
    begin, app.begin = app.begin, lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await write(pilot, "early bird")
        await pilot.press("enter")
        await pilot.pause()
        assert app.main.prompt.text == "early bird"
        begin()
        await until(pilot, lambda: home.model.requests)
        await until(pilot, lambda: app.main.prompt.text == "")
        assert home.model.requests[0].messages[-1].content == "early bird"


async def test_quitting_keeps_the_draft_and_the_open_conversation(home: Home) -> None:
    first, second = home.seed(("one", "1"), ("two", "2"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.navigation.go_to(first)
        await until(pilot, lambda: app.main.conversation.id == first)
        await write(pilot, "half a thou")
        await pilot.press("f10")
    again = home.app()
    async with again.run_test(size=SIZE) as pilot:
        await pilot.press("g", "h", "t")
        await opened(pilot, again)
        assert again.main.conversation.id == first
        assert again.main.prompt.text == "half a thou\nght"
    store = home.open()
    assert store.drafts.get(second) == ""
    store.close()


async def test_each_conversation_has_its_own_draft(home: Home) -> None:
    first, second = home.seed(("one", "1"), ("two", "2"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press(*"new", "ctrl+o", "g", "enter")
        await until(pilot, lambda: app.main.conversation.id == second)
        await write(pilot, "for two")
        await pilot.press("alt+down")
        await until(pilot, lambda: app.main.conversation.id == first)
        assert app.main.prompt.text == ""
        await pilot.press("alt+up")
        await until(pilot, lambda: app.main.conversation.id == second)
        assert app.main.prompt.text == "for two"
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None)
        assert app.main.prompt.text == "new"


async def test_every_key_that_steps_down_the_list_makes_a_step(home: Home) -> None:
    ids = home.seed(*((f"number {number}", "Yes.") for number in range(6)))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        for _ in range(4):  # at once: pressing waits for each
            app.post_message(events.Key("alt+down", None))
        await until(pilot, lambda: app.main.conversation.id == ids[-4])


async def test_work_that_ends_after_the_screen_is_gone_is_no_mistake(home: Home) -> None:
    home.seed(*((f"number {number}", "Yes.") for number in range(6)))
    app = home.app()
    gone = asyncio.Event()

    async def late() -> None:
        try:
            await gone.wait()
        finally:
            app.main.query_one("#nothing")

    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.run_worker(late())
        for _ in range(4):
            app.post_message(events.Key("alt+down", None))
        await pilot.pause()
    assert app.farewell is None


async def test_a_draft_is_in_the_file_soon_after_typing_pauses(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "unsent")
        other = home.open()
        await until(
            pilot, lambda: [row["content"] for row in other.db.rows("select content from drafts")] == ["unsent"]
        )
        other.close()


async def test_when_the_disk_is_full_the_text_stays_and_the_reason_is_on_the_screen(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        assert app.context.turns is not None

        async def refuse(*_: object, **__: object) -> None:
            raise StoreFull("No space is left on the disk. Free some and send again.")

        app.context.turns.begin = refuse  # type: ignore[method-assign,assignment]
        await write(pilot, "precious")
        await pilot.press("enter")
        await until(pilot, lambda: "No space is left" in notices(app))
        assert app.main.prompt.text == "precious"
        assert app.main.conversation.id is None
    assert rows(home) == []


async def test_what_is_sent_while_a_reply_arrives_waits_for_its_end(home: Home) -> None:
    home.model.say("a long story")
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "tell me")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None)
        await write(pilot, "more")
        await pilot.press("enter")
        await until(pilot, lambda: "Next: more" in frame(app) and app.main.prompt.text == "")
        assert len(home.model.requests) == 1
        home.model.release()
        await until(pilot, lambda: len(home.model.requests) == 2)
        assert home.model.requests[1].messages[-1].content == "more"


async def test_escape_stops_the_reply_and_keeps_what_came(home: Home) -> None:
    home.model.say("first second third")
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: live_text(app))
        await until(pilot, lambda: app.main.status.hints[0].word == "stop")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.conversation.live_reply is None)
        session_id = app.main.conversation.id
    store = home.open()
    reply = store.messages.before(session_id, None, 1)[0]
    assert (reply.content, reply.finish) == ("first", "stopped")
    store.close()


async def test_a_reply_goes_on_while_another_conversation_is_read(home: Home) -> None:
    (other,) = home.seed(("older", "text"))
    home.model.say("begun and finished")
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None)
        live = app.main.conversation.id
        app.main.navigation.go_to(other)
        await until(pilot, lambda: app.main.conversation.id == other)
        assert app.main.conversation.live_reply is None
        home.model.release()
        await until(pilot, lambda: no_reply_runs(app))
        app.main.navigation.go_to(live)
        await shown(pilot, app, "begun and finished")


async def test_a_failed_reply_is_a_sentence_and_f5_asks_again(home: Home) -> None:
    home.model.say(
        [Failed(FailureKind.REFUSED, "Nobody answers at localhost. Start the server and retry.")], "Here I am."
    )
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "hello")
        await pilot.press("enter")
        await shown(pilot, app, "Start the server and retry.")
        await shown(pilot, app, "alt+g to retry")  # the key that works while one writes
        await pilot.press("f5")
        await shown(pilot, app, "Here I am.")
        await until(pilot, lambda: "Start the server" not in frame(app))
        assert [request.messages[-1].content for request in home.model.requests] == ["hello", "hello"]


async def test_the_keys_a_person_chose_work_and_are_shown(home: Home) -> None:
    home.write_config('[keys]\n"conversation.new" = "alt+w"\n"app.help" = "ctrl+p"\n"conversation.nwe" = "x"\n')
    (only,) = home.seed(("one", "1"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: "Did you mean “conversation.new”" in notices(app))
        assert "already belongs to “app.palette”" in notices(app)
        app.main.navigation.go_to(only)
        await until(pilot, lambda: app.main.conversation.id == only)
        assert "alt+w new" in frame(app)
        app.main.transcript.focus()
        await pilot.press("alt+w")
        await until(pilot, lambda: app.main.conversation.id is None)


async def test_what_is_typed_behind_an_early_key_for_the_models_goes_into_their_list(home: Home) -> None:
    app, there = home.app(), asyncio.Event()
    make = app._catalog_factory

    async def slow(settings: config.Settings, store: StoreThread) -> Catalog:
        await there.wait()
        return await make(settings, store)

    app._catalog_factory = slow
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.main.conversation.reopened)
        await pilot.press("ctrl+l", *"large")
        await shown(pilot, app, "Loading models…")
        there.set()
        await until(pilot, lambda: "200k" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.model == "test/large")
        assert app.main.prompt.text == ""


async def test_a_key_that_can_do_nothing_says_why(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        for key in ("f2", "f8", "f5", "ctrl+g"):
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, lambda: len(app._notifications) == 1)
        assert "Send a message first" in notices(app)


async def test_what_is_still_being_opened_when_the_screen_is_taken_down_breaks_nothing(home: Home) -> None:
    [first] = home.seed(("one", "1"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await app.main.query("#heading").remove()
        app.main.navigation.go_to(first)
        await app.workers.wait_for_complete()
        await app.main.status_display.refresh()


async def test_a_commit_that_is_told_after_the_screen_is_gone_ends_nothing(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
    # As the store's thread tells what was committed last: in a context of its own, in which no application runs.
    contextvars.Context().run(app.main.changed, Change(frozenset(), elsewhere=True))
    contextvars.Context().run(app.main.sync_changed)
