"""A message of one's own is edited: the edit begins a branch, and nothing is lost."""

from __future__ import annotations

from branch_history import add_conversation, all_texts, is_editing, read_file, shown_texts, wait_until_idle
from home import SIZE, Home, frame, opened, says, shown, until, write
from test_typeahead import in_conversation


async def test_up_in_an_empty_prompt_edits_the_last_message_and_sending_begins_a_branch(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("up")
        await until(pilot, lambda: app.main.prompt.text == "second" and is_editing(app))
        await write(pilot, " better")
        home.model.say("the new answer")
        await pilot.press("enter")
        await shown(pilot, app, "the new answer")
        await wait_until_idle(pilot, app)
        assert shown_texts(home) == ["first", "FIRST", "second better", "the new answer"]
        assert {"second", "SECOND"} <= all_texts(home)
        assert not is_editing(app)
        assert app.main.prompt.text == ""
        assert "‹ 2 of 2 ›" in frame(app)
        assert "SECOND" not in frame(app)
        assert "Asked before" not in frame(app)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: shown_texts(home) == ["first", "FIRST", "second", "SECOND"])
        await shown(pilot, app, "‹ 1 of 2 ›")


async def test_e_on_an_own_message_edits_it_and_escape_brings_the_draft_back(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "half a thought")
        await pilot.press("ctrl+g", "g", "e")
        await until(pilot, lambda: app.main.prompt.text == "first" and is_editing(app))
        assert app.main.prompt.has_focus
        await write(pilot, ", changed")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.prompt.text == "half a thought")
        assert not is_editing(app)
        assert shown_texts(home) == ["first", "FIRST", "second", "SECOND"]
        await pilot.press("ctrl+up")
        assert app.main.prompt.text == "first, changed", "what was edited can be called back"


async def test_an_edit_is_cancelled_by_a_click_on_the_frame(home: Home) -> None:
    add_conversation(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("up")
        await shown(pilot, app, "esc cancel")
        lines = frame(app).split("\n")
        y = next(number for number, line in enumerate(lines) if "esc cancel" in line)
        await pilot.click(offset=(lines[y].index("esc cancel") + 1, y))
        await until(pilot, lambda: not is_editing(app) and app.main.prompt.text == "")


async def test_a_reply_cannot_be_edited_and_a_new_conversation_has_nothing_to_edit(home: Home) -> None:
    add_conversation(home, "first")
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
        assert not is_editing(app)


async def test_an_edit_survives_quitting_and_so_does_the_draft_behind_it(home: Home) -> None:
    add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "half a thought")
        await pilot.press("ctrl+x", "e")
        await until(pilot, lambda: is_editing(app))
        await write(pilot, " better")
        await pilot.press("f10")
    again = home.app()
    async with again.run_test(size=SIZE) as pilot:
        await opened(pilot, again)
        await until(pilot, lambda: is_editing(again) and again.main.prompt.text == "second better")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: again.main.conversation.id is None and not is_editing(again))
        await pilot.press("alt+down")
        await until(pilot, lambda: is_editing(again) and again.main.prompt.text == "second better")
        await pilot.press("enter")
        await until(pilot, lambda: shown_texts(home)[:3] == ["first", "FIRST", "second better"])
        await until(pilot, lambda: again.main.prompt.text == "half a thought")
        assert not is_editing(again)


async def test_an_edit_that_cannot_be_sent_stays_in_the_prompt(home: Home) -> None:
    session_id = add_conversation(home, "first", "second")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        home.model.hold()
        await write(pilot, "third")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None)
        await pilot.press("up", "enter")
        await says(pilot, app, "An edited message cannot wait for a reply.")
        assert is_editing(app)
        home.model.release()
        await wait_until_idle(pilot, app)
        third = read_file(home, lambda store: store.messages.after(session_id, None, 9)[4])
        read_file(home, lambda store: store.trash.delete_message(third.id))
        await pilot.press("enter")
        await says(pilot, app, "That message is not here any more.")
        assert app.main.prompt.text == "third"


async def test_a_slash_at_the_beginning_of_an_edited_message_is_text(home: Home) -> None:
    add_conversation(home, "first")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("up")
        await until(pilot, lambda: is_editing(app))
        app.main.prompt.replace_all("/help me")
        await pilot.press("enter")
        await until(pilot, lambda: shown_texts(home)[0] == "/help me")
