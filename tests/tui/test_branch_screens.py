"""A conversation as a tree, as a person sees it: edits, versions, forks, replies that are continued, branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from home import Home, frame, no_reply_runs, settled, until, write
from test_app import SIZE, opened, says, shown
from test_typeahead import in_conversation
from textual.pilot import Pilot

from sterna.providers import Delta, Done
from sterna.storage import Settled, Store
from sterna.tui.app import SternaApp

T = TypeVar("T")


def reading(home: Home, read: Callable[[Store], T]) -> T:
    """What another program reads in the file."""
    store = home.open()
    try:
        return read(store)
    finally:
        store.close()


def texts(home: Home) -> list[str]:
    """The shown branch of the newest conversation."""

    def read(store: Store) -> list[str]:
        return [one.content for one in store.messages.before(store.conversations.page(0, 1)[0].id, None, 99)]

    return reading(home, read)


def loaded(app: SternaApp) -> list[str]:
    """The messages that the screen has."""
    return [view.content for view in app.main.transcript.loaded]


def every_text(home: Home) -> set[str]:
    return reading(
        home,
        lambda store: {one.content for one in store.messages.all_after(store.conversations.page(0, 1)[0].id, None, 99)},
    )


def talk(home: Home, *prompts: str, answer: Callable[[str], str] = str.upper) -> str:
    """A conversation of prompts, each answered in capitals; gives its id."""

    def write(store: Store) -> str:
        session_id = None
        for prompt in prompts:
            turn = store.live_replies.begin_turn(session_id, prompt, model="test/small")
            store.live_replies.settle(turn.reply.id, Settled("done", answer(prompt), model="test/small"))
            session_id = turn.session.id
            home.clock.forward(minutes=1)
        assert session_id is not None
        store.conversations.mark_read(session_id)
        return session_id

    return reading(home, write)


def edit(home: Home, old: str, new: str) -> str:
    """Another program edits a message; gives the id of the new one."""

    def write(store: Store) -> str:
        session_id = store.conversations.page(0, 1)[0].id
        message = next(one for one in store.messages.all_after(session_id, None, 999) if one.content == old)
        turn = store.live_replies.begin_edit(message.id, new)
        store.live_replies.settle(turn.reply.id, Settled("done", new.upper(), model="test/small"))
        home.clock.forward(minutes=1)
        return turn.user_message.id

    return reading(home, write)


async def quiet(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, lambda: no_reply_runs(app) and app.main.status.activity == "")


def editing(app: SternaApp) -> bool:
    return app.main.prompt.edited is not None and "Edit your message" in frame(app)


async def test_up_in_an_empty_prompt_edits_the_last_message_and_sending_begins_a_branch(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("up")
        await until(pilot, lambda: app.main.prompt.text == "second" and editing(app))
        await write(pilot, " better")
        home.model.say("the new answer")
        await pilot.press("enter")
        await shown(pilot, app, "the new answer")
        await quiet(pilot, app)
        assert texts(home) == ["first", "FIRST", "second better", "the new answer"]
        assert {"second", "SECOND"} <= every_text(home)
        assert not editing(app)
        assert app.main.prompt.text == ""
        assert "‹ 2 of 2 ›" in frame(app)
        assert "SECOND" not in frame(app)
        assert "Asked before" not in frame(app)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: texts(home) == ["first", "FIRST", "second", "SECOND"])
        await shown(pilot, app, "‹ 1 of 2 ›")


async def test_e_on_an_own_message_edits_it_and_escape_brings_the_draft_back(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "half a thought")
        await pilot.press("ctrl+g", "g", "e")
        await until(pilot, lambda: app.main.prompt.text == "first" and editing(app))
        assert app.main.prompt.has_focus
        await write(pilot, ", changed")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.prompt.text == "half a thought")
        assert not editing(app)
        assert texts(home) == ["first", "FIRST", "second", "SECOND"]
        await pilot.press("ctrl+up")
        assert app.main.prompt.text == "first, changed", "what was edited can be called back"


async def test_an_edit_is_cancelled_by_a_click_on_the_frame(home: Home) -> None:
    talk(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("up")
        await shown(pilot, app, "esc cancel")
        lines = frame(app).split("\n")
        y = next(number for number, line in enumerate(lines) if "esc cancel" in line)
        await pilot.click(offset=(lines[y].index("esc cancel") + 1, y))
        await until(pilot, lambda: not editing(app) and app.main.prompt.text == "")


async def test_a_reply_cannot_be_edited_and_a_new_conversation_has_nothing_to_edit(home: Home) -> None:
    talk(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+g", "G", "e")
        await says(pilot, app, "Only your own messages can be edited.")
        assert app.main.prompt.edited is None
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None)
        await pilot.press("up")
        assert app.main.prompt.text == "first", "the history of prompts, to be sent anew"
        assert not editing(app)


async def test_an_edit_survives_quitting_and_so_does_the_draft_behind_it(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "half a thought")
        await pilot.press("ctrl+x", "e")
        await until(pilot, lambda: editing(app))
        await write(pilot, " better")
        await pilot.press("f10")
    again = home.app()
    async with again.run_test(size=SIZE) as pilot:
        await opened(pilot, again)
        await until(pilot, lambda: editing(again) and again.main.prompt.text == "second better")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: again.main.conversation.id is None and not editing(again))
        await pilot.press("alt+down")
        await until(pilot, lambda: editing(again) and again.main.prompt.text == "second better")
        await pilot.press("enter")
        await until(pilot, lambda: texts(home)[:3] == ["first", "FIRST", "second better"])
        await until(pilot, lambda: again.main.prompt.text == "half a thought")
        assert not editing(again)


async def test_an_edit_that_cannot_be_sent_stays_in_the_prompt(home: Home) -> None:
    session_id = talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.hold()
        await write(pilot, "third")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None)
        await pilot.press("up", "enter")
        await says(pilot, app, "An edited message cannot wait for a reply.")
        assert editing(app)
        home.model.release()
        await quiet(pilot, app)
        third = reading(home, lambda store: store.messages.after(session_id, None, 9)[4])
        reading(home, lambda store: store.trash.delete_message(third.id))
        await pilot.press("enter")
        await says(pilot, app, "That message is not here any more.")
        assert app.main.prompt.text == "third"


async def test_a_slash_at_the_beginning_of_an_edited_message_is_text(home: Home) -> None:
    talk(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("up")
        await until(pilot, lambda: editing(app))
        app.main.prompt.replace_all("/help me")
        await pilot.press("enter")
        await until(pilot, lambda: texts(home)[0] == "/help me")


async def test_versions_are_switched_by_key_and_click_from_messages_and_prompt(home: Home) -> None:
    talk(home, "first", "second")
    edit(home, "second", "third")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "‹ 2 of 2 ›")
        old, new = ["first", "FIRST", "second", "SECOND"], ["first", "FIRST", "third", "THIRD"]
        assert texts(home) == new
        await pilot.press("ctrl+x", "<")
        await until(pilot, lambda: texts(home) == old)
        await shown(pilot, app, "‹ 1 of 2 ›")
        await pilot.press("ctrl+x", ">")
        await until(pilot, lambda: texts(home) == new)
        await shown(pilot, app, "‹ 2 of 2 ›")
        await pilot.press("ctrl+g", "k", "left")
        await until(pilot, lambda: texts(home) == old)
        await shown(pilot, app, "‹ 1 of 2 ›")
        await until(pilot, lambda: app.main.transcript.selected_message.content == "second")
        await pilot.press("right")
        await until(pilot, lambda: texts(home) == new)
        await shown(pilot, app, "‹ 2 of 2 ›")
        await pilot.press("g", "v")
        await says(pilot, app, "This message has one version.")
        for text, branch in (("‹", old), ("›", new)):
            lines = frame(app).split("\n")
            y = next(number for number, line in enumerate(lines) if " of 2 ›" in line)
            await pilot.click(offset=(lines[y].index(text), y))
            await until(pilot, lambda branch=branch: texts(home) == branch)
            await shown(pilot, app, branch[2])


async def test_the_message_stays_on_its_row_when_another_version_takes_its_place(home: Home) -> None:
    talk(home, *(f"question {n}" for n in range(12)), answer=lambda text: f"{text}\n\n" * 6)
    edit(home, "question 6", "another question")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "another question")
        transcript = app.main.transcript
        for text in ("question 6", "another question", "question 6"):
            view = next(view for view in transcript.loaded if view.has_versions)
            row = transcript.row_of(view.message_id)
            transcript.focus()
            transcript.selected = view.message_id
            await pilot.press("v")
            await until(pilot, lambda text=text: text in loaded(app))
            view = next(view for view in transcript.loaded if view.has_versions)
            # another branch may be too short to have it there
            await until(
                pilot,
                lambda view=view, row=row: transcript.row_of(view.message_id) == row or transcript.messages.follow,
            )
            assert frame(app).count(f" {text}") >= 1


async def test_a_version_by_another_model_is_added_and_none_is_overwritten(home: Home) -> None:
    talk(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("another answer")
        await pilot.press("ctrl+g", "R")
        await shown(pilot, app, "large")
        await write(pilot, "large")
        await pilot.press("enter")
        await shown(pilot, app, "another answer")
        await quiet(pilot, app)
        assert home.model.requests[-1].model == "large"
        assert every_text(home) == {"first", "FIRST", "another answer"}
        await shown(pilot, app, "‹ 2 of 2 ›")


async def test_a_reply_in_the_middle_is_regenerated_in_its_place(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("another answer")
        home.model.hold()
        await pilot.press("ctrl+g", "g", "j", "r")
        await until(pilot, lambda: home.model.requests)
        await until(pilot, lambda: loaded(app) == ["first", "FIRST", "another"])
        home.model.release()
        await quiet(pilot, app)
        await until(pilot, lambda: loaded(app) == ["first", "another answer"])
        await pilot.press("ctrl+x", "<")
        await until(pilot, lambda: texts(home) == ["first", "FIRST", "second", "SECOND"])


async def test_another_branch_can_be_shown_while_a_reply_arrives_and_nothing_is_lost(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("the new answer")
        home.model.hold()
        await pilot.press("up")
        await until(pilot, lambda: editing(app))
        await write(pilot, " better")
        await pilot.press("enter")
        await shown(pilot, app, "second better")
        await until(pilot, lambda: "the" in loaded(app))
        await pilot.press("ctrl+x", "<")
        await until(
            pilot,
            lambda: loaded(app) == ["first", "FIRST", "second", "SECOND"],
        )
        home.model.release()
        await quiet(pilot, app)
        assert texts(home) == ["first", "FIRST", "second", "SECOND"]
        assert loaded(app) == ["first", "FIRST", "second", "SECOND"]
        await pilot.press("ctrl+x", ">")
        await shown(pilot, app, "the new answer")
        assert texts(home) == ["first", "FIRST", "second better", "the new answer"]


async def test_one_comes_back_to_a_branch_on_which_a_reply_still_arrives(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("the new answer")
        home.model.hold()
        await pilot.press("up", "enter")
        await until(pilot, lambda: "the" in loaded(app))
        await pilot.press("ctrl+x", "<")
        await until(pilot, lambda: "SECOND" in loaded(app))
        await pilot.press("ctrl+x", ">")
        await until(pilot, lambda: "the" in loaded(app))
        home.model.release()
        await shown(pilot, app, "the new answer")
        await quiet(pilot, app)


async def test_a_stopped_reply_is_continued_where_it_stopped(home: Home) -> None:
    talk(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("one two three", [Delta(" and so on"), Done()])
        home.model.hold()
        await write(pilot, "count")
        await pilot.press("enter")
        await shown(pilot, app, "one")
        await pilot.press("escape")
        await quiet(pilot, app)
        await shown(pilot, app, "C to continue")
        home.model.release()
        await pilot.press("ctrl+x", "C")
        await shown(pilot, app, "one and so on")
        await quiet(pilot, app)
        await until(pilot, lambda: texts(home) == ["first", "FIRST", "count", "one and so on"])
        await until(
            pilot,
            lambda: loaded(app) == ["first", "FIRST", "count", "one and so on"],
        )
        assert "to continue" not in frame(app)
        await pilot.press("ctrl+g", "C")
        await says(pilot, app, "This reply is complete.")
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: texts(home)[-1] == "one")
        await until(pilot, lambda: app.main.transcript.loaded[-1].content == "one")


async def test_a_fork_is_opened_and_undone(home: Home) -> None:
    session_id = talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+g", "g", "j", "F")
        await until(pilot, lambda: app.main.conversation.id not in (None, session_id))
        await says(pilot, app, "Forked to “first (fork)”.")
        await until(pilot, lambda: loaded(app) == ["first", "FIRST"])
        assert "first (fork)" in str(app.main.heading.content)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: app.main.conversation.id == session_id)
        await until(pilot, lambda: len(app.main.transcript.loaded) == 4)
        assert reading(home, lambda store: store.conversations.count()) == 1


async def test_branches_are_listed_and_the_chosen_one_is_shown(home: Home) -> None:
    talk(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x", "v")
        await says(pilot, app, "This conversation has one branch.")
        edit(home, "second", "third")
        edit(home, "first", "[/x]fourth")
        await shown(pilot, app, "FOURTH")
        await pilot.press("ctrl+x", "v")
        await shown(pilot, app, "[/x]fourth")
        for text in ("second", "third", "4 messages", "2 messages  shown"):
            await shown(pilot, app, text)
        await write(pilot, "thi")
        await until(pilot, lambda: app.screen.query_one("Menu").option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: texts(home) == ["first", "FIRST", "third", "THIRD"])
        await shown(pilot, app, "THIRD")
        assert app.main.prompt.has_focus


async def test_a_result_of_the_search_opens_its_branch(home: Home) -> None:
    talk(home, "first", "quixotic")
    edit(home, "quixotic", "third")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "THIRD")
        await pilot.press("ctrl+r")
        await write(pilot, "quixotic")
        await shown(pilot, app, "results")
        await pilot.press("down", "enter")
        await until(pilot, lambda: texts(home) == ["first", "FIRST", "quixotic", "QUIXOTIC"])
        await shown(pilot, app, "‹ 1 of 2 ›")


@pytest.mark.parametrize("at_end", [True, False])
async def test_a_branch_of_another_program_is_shown_where_the_reader_is(home: Home, at_end: bool) -> None:
    talk(home, *(f"question {n}" for n in range(12)), answer=lambda text: f"{text}\n\n" * 6)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        transcript = app.main.transcript
        await until(pilot, lambda: len(transcript.loaded) >= 16)
        if not at_end:
            transcript.messages.jump(30)
            await until(pilot, lambda: len(transcript.loaded) == 24)
            await settled(pilot, app)
        before = transcript.messages.on_screen()[0], transcript.messages.scroll_offset.y
        edit(home, "question 9", "another question")
        await until(pilot, lambda: "question 9" not in loaded(app))
        await until(pilot, lambda: "another question" in loaded(app))
        if at_end:
            await shown(pilot, app, "ANOTHER QUESTION")
        else:
            assert (transcript.messages.on_screen()[0], transcript.messages.scroll_offset.y) == before


async def test_the_first_message_of_another_branch_is_read_too(home: Home) -> None:
    talk(home, "first", "second")
    edit(home, "first", "begin anew")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "BEGIN ANEW")
        new = reading(home, lambda store: store.messages.before(app.main.conversation.id, None, 9)[0])
        reading(home, lambda store: store.branches.switch(new.id))
        await until(
            pilot,
            lambda: loaded(app) == ["first", "FIRST", "second", "SECOND"],
        )
