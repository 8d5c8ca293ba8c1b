"""A conversation as a tree, as a person sees it: edits, versions, forks, replies that are continued, branches."""

from __future__ import annotations

import pytest
from branch_history import (
    add_conversation,
    add_edit,
    all_texts,
    is_editing,
    loaded_texts,
    read_file,
    shown_texts,
    wait_until_idle,
)
from home import SIZE, Home, frame, says, settled, shown, until, write
from test_typeahead import in_conversation

from sterna.providers import Delta, Done


async def test_versions_are_switched_by_key_and_click_from_messages_and_prompt(home: Home) -> None:
    add_conversation(home, "first", "second")
    add_edit(home, "second", "third")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "‹ 2 of 2 ›")
        old, new = ["first", "FIRST", "second", "SECOND"], ["first", "FIRST", "third", "THIRD"]
        assert shown_texts(home) == new
        await pilot.press("ctrl+x", "<")
        await until(pilot, lambda: shown_texts(home) == old)
        await shown(pilot, app, "‹ 1 of 2 ›")
        await pilot.press("ctrl+x", ">")
        await until(pilot, lambda: shown_texts(home) == new)
        await shown(pilot, app, "‹ 2 of 2 ›")
        await pilot.press("ctrl+g", "k", "left")
        await until(pilot, lambda: shown_texts(home) == old)
        await shown(pilot, app, "‹ 1 of 2 ›")
        await until(pilot, lambda: app.main.transcript.selected_message.content == "second")
        await pilot.press("right")
        await until(pilot, lambda: shown_texts(home) == new)
        await shown(pilot, app, "‹ 2 of 2 ›")
        await pilot.press("g", "v")
        await says(pilot, app, "This message has one version.")
        for text, branch in (("‹", old), ("›", new)):
            lines = frame(app).split("\n")
            y = next(number for number, line in enumerate(lines) if " of 2 ›" in line)
            await pilot.click(offset=(lines[y].index(text), y))
            await until(pilot, lambda branch=branch: shown_texts(home) == branch)
            await shown(pilot, app, branch[2])


async def test_the_message_stays_on_its_row_when_another_version_takes_its_place(home: Home) -> None:
    add_conversation(home, *(f"question {n}" for n in range(12)), answer=lambda text: f"{text}\n\n" * 6)
    add_edit(home, "question 6", "another question")
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
            await until(pilot, lambda text=text: text in loaded_texts(app))
            view = next(view for view in transcript.loaded if view.has_versions)
            # another branch may be too short to have it there
            await until(
                pilot,
                lambda view=view, row=row: transcript.row_of(view.message_id) == row or transcript.messages.follow,
            )
            assert frame(app).count(f" {text}") >= 1


async def test_a_version_by_another_model_is_added_and_none_is_overwritten(home: Home) -> None:
    add_conversation(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("another answer")
        await pilot.press("ctrl+g", "R")
        await shown(pilot, app, "large")
        await write(pilot, "large")
        await pilot.press("enter")
        await shown(pilot, app, "another answer")
        await wait_until_idle(pilot, app)
        assert home.model.requests[-1].model == "large"
        assert all_texts(home) == {"first", "FIRST", "another answer"}
        await shown(pilot, app, "‹ 2 of 2 ›")


async def test_a_reply_in_the_middle_is_regenerated_in_its_place(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("another answer")
        home.model.hold()
        await pilot.press("ctrl+g", "g", "j", "r")
        await until(pilot, lambda: home.model.requests)
        await until(pilot, lambda: loaded_texts(app) == ["first", "FIRST", "another"])
        home.model.release()
        await wait_until_idle(pilot, app)
        await until(pilot, lambda: loaded_texts(app) == ["first", "another answer"])
        await shown(pilot, app, "‹ 2 of 2 ›")
        await pilot.press("ctrl+x", "<")
        await until(pilot, lambda: shown_texts(home) == ["first", "FIRST", "second", "SECOND"])


async def test_another_branch_can_be_shown_while_a_reply_arrives_and_nothing_is_lost(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("the new answer")
        home.model.hold()
        await pilot.press("up")
        await until(pilot, lambda: is_editing(app))
        await write(pilot, " better")
        await pilot.press("enter")
        await shown(pilot, app, "second better")
        await until(pilot, lambda: "the" in loaded_texts(app))
        await pilot.press("ctrl+x", "<")
        await until(
            pilot,
            lambda: loaded_texts(app) == ["first", "FIRST", "second", "SECOND"],
        )
        home.model.release()
        await wait_until_idle(pilot, app)
        assert shown_texts(home) == ["first", "FIRST", "second", "SECOND"]
        assert loaded_texts(app) == ["first", "FIRST", "second", "SECOND"]
        await pilot.press("ctrl+x", ">")
        await shown(pilot, app, "the new answer")
        await until(pilot, lambda: shown_texts(home) == ["first", "FIRST", "second better", "the new answer"])


async def test_one_comes_back_to_a_branch_on_which_a_reply_still_arrives(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("the new answer")
        home.model.hold()
        await pilot.press("up", "enter")
        await until(pilot, lambda: "the" in loaded_texts(app))
        await pilot.press("ctrl+x", "<")
        await until(pilot, lambda: "SECOND" in loaded_texts(app))
        await pilot.press("ctrl+x", ">")
        await until(pilot, lambda: "the" in loaded_texts(app))
        home.model.release()
        await shown(pilot, app, "the new answer")
        await wait_until_idle(pilot, app)


async def test_a_stopped_reply_is_continued_where_it_stopped(home: Home) -> None:
    add_conversation(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.say("one two three", [Delta(" and so on"), Done()])
        home.model.hold()
        await write(pilot, "count")
        await pilot.press("enter")
        await shown(pilot, app, "one")
        await pilot.press("escape")
        await wait_until_idle(pilot, app)
        await shown(pilot, app, "C to continue")
        home.model.release()
        await pilot.press("ctrl+x", "C")
        await shown(pilot, app, "one and so on")
        await wait_until_idle(pilot, app)
        await until(pilot, lambda: shown_texts(home) == ["first", "FIRST", "count", "one and so on"])
        await until(
            pilot,
            lambda: loaded_texts(app) == ["first", "FIRST", "count", "one and so on"],
        )
        assert "to continue" not in frame(app)
        await pilot.press("ctrl+g", "C")
        await says(pilot, app, "This reply is complete.")
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: shown_texts(home)[-1] == "one")
        await until(pilot, lambda: app.main.transcript.loaded[-1].content == "one")


async def test_a_fork_is_opened_and_undone(home: Home) -> None:
    session_id = add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+g", "g", "j", "F")
        await until(pilot, lambda: app.main.conversation.id not in (None, session_id))
        await says(pilot, app, "Forked to “first (fork)”.")
        await until(pilot, lambda: loaded_texts(app) == ["first", "FIRST"])
        assert "first (fork)" in str(app.main.heading.content)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: app.main.conversation.id == session_id)
        await until(pilot, lambda: len(app.main.transcript.loaded) == 4)
        assert read_file(home, lambda store: store.conversations.count()) == 1


async def test_branches_are_listed_and_the_chosen_one_is_shown(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x", "v")
        await says(pilot, app, "This conversation has one branch.")
        add_edit(home, "second", "third")
        add_edit(home, "first", "[/x]fourth")
        await shown(pilot, app, "FOURTH")
        await pilot.press("ctrl+x", "v")
        await shown(pilot, app, "[/x]fourth")
        for text in ("second", "third", "4 messages", "2 messages  shown"):
            await shown(pilot, app, text)
        await write(pilot, "thi")
        await until(pilot, lambda: app.screen.query_one("Menu").option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: shown_texts(home) == ["first", "FIRST", "third", "THIRD"])
        await shown(pilot, app, "THIRD")
        assert app.main.prompt.has_focus


async def test_a_result_of_the_search_opens_its_branch(home: Home) -> None:
    add_conversation(home, "first", "quixotic")
    add_edit(home, "quixotic", "third")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "THIRD")
        await pilot.press("ctrl+r")
        await write(pilot, "quixotic")
        await shown(pilot, app, "results")
        await pilot.press("down", "enter")
        await until(pilot, lambda: shown_texts(home) == ["first", "FIRST", "quixotic", "QUIXOTIC"])
        await shown(pilot, app, "‹ 1 of 2 ›")


@pytest.mark.parametrize("at_end", [True, False])
async def test_a_branch_of_another_program_is_shown_where_the_reader_is(home: Home, at_end: bool) -> None:
    add_conversation(home, *(f"question {n}" for n in range(12)), answer=lambda text: f"{text}\n\n" * 6)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        transcript = app.main.transcript
        await until(pilot, lambda: len(transcript.loaded) >= 16)
        await settled(pilot, app)
        if not at_end:
            transcript.messages.jump(30)
            await until(pilot, lambda: len(transcript.loaded) == 24)
            await settled(pilot, app)
        before = transcript.messages.on_screen()[0], transcript.messages.scroll_offset.y
        add_edit(home, "question 9", "another question")
        await until(pilot, lambda: "question 9" not in loaded_texts(app))
        await until(pilot, lambda: "another question" in loaded_texts(app))
        if at_end:
            await shown(pilot, app, "ANOTHER QUESTION")
        else:
            assert (transcript.messages.on_screen()[0], transcript.messages.scroll_offset.y) == before


async def test_the_first_message_of_another_branch_is_read_too(home: Home) -> None:
    add_conversation(home, "first", "second")
    add_edit(home, "first", "begin anew")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "BEGIN ANEW")
        new = read_file(home, lambda store: store.messages.before(app.main.conversation.id, None, 9)[0])
        read_file(home, lambda store: store.branches.switch(new.id))
        await until(
            pilot,
            lambda: loaded_texts(app) == ["first", "FIRST", "second", "SECOND"],
        )
