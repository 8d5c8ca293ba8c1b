"""Find in the open conversation, in loaded messages and in those that are not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from home import SIZE, Home, frame, shown, until, write
from test_typeahead import burst, in_conversation
from transcript_screen import Reading, reading, talk

from sterna.storage import Attachment, LiveReplies, Settled
from sterna.tui.main.find_bar import FindBar
from sterna.tui.transcript import Transcript

PAIRS = [
    (f"question {n}", f"answer {n}" + (" with a **needle** in it, Needle" if n % 12 == 3 else "")) for n in range(60)
]


def place(person: Reading) -> tuple[int, int]:
    event = person.posted_events(Transcript.MatchShown)[-1]
    assert isinstance(event, Transcript.MatchShown)
    return event.number, event.total


def chosen(person: Reading) -> str:
    view = person.transcript.selected_message
    return view.content.partition(" with")[0] if view is not None else ""


async def find(person: Reading, text: str) -> None:
    person.transcript.finder.find(text)
    await person.settled()


async def step(person: Reading, by: int) -> None:
    person.transcript.action_match(by)
    await person.settled()


async def test_every_place_is_found_also_in_messages_that_are_not_loaded(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(PAIRS)).id)
        assert len(person.views) < 120
        await find(person, "needle")
        assert place(person) == (10, 10), "from the end of the conversation, the newest place"
        assert chosen(person) == "answer 51"
        await step(person, -1)
        assert (place(person), chosen(person)) == ((9, 10), "answer 51")
        await step(person, -1)
        assert (place(person), chosen(person)) == ((8, 10), "answer 39")
        assert "answer 39 with a needle" in person.screen
        for _ in range(3):
            await step(person, 1)
        assert (place(person), chosen(person)) == ((1, 10), "answer 3"), "behind the last comes the first"
        assert "answer 3 with a needle" in person.screen


async def test_words_are_found_across_spaces_and_in_code_but_not_apart(tmp_path: Path) -> None:
    text = "some   Words\n\n```py\nx = some_call( 1 )\n```"
    async with reading(tmp_path) as person:
        await person.show((await person.talk([("q", text)])).id)
        for needle, total in (("SOME words", 1), ("some_call(", 1), ("words some", 0), ("some", 2), (".", 0)):
            await find(person, needle)
            assert place(person)[1] == total, needle


async def test_a_place_far_down_in_a_long_message_is_scrolled_to(tmp_path: Path) -> None:
    long = "\n\n".join(f"paragraph {n}" for n in range(200))
    async with reading(tmp_path) as person:
        await person.show((await person.talk([("q", long), ("then", "short")])).id)
        await find(person, "paragraph 77")
        assert "paragraph 77" in person.screen
        await find(person, "graph 12")
        assert place(person) == (1, 11)
        assert "paragraph 12" in person.screen


async def test_what_arrives_and_what_is_added_meanwhile_is_found(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk([("q", "a needle")])
        await person.show(session.id)
        await find(person, "needle")
        assert place(person) == (1, 1)
        await person.store.run(talk, [("another needle", "no")], session.id)
        await person.until(lambda: len(person.views) == 4)
        await step(person, 1)
        assert place(person) == (2, 2)


async def test_folded_reasoning_and_names_of_files_are_searched_and_reasoning_is_unfolded(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        files = (Attachment("a" * 64, "tide tables.pdf", "application/pdf", 9),)
        begun = await person.store.run(
            LiveReplies.begin_turn, None, "When is high water?", model=None, attachments=files
        )
        reply = Settled("done", "The tide turns at noon.", reasoning="The tide,\nthe moon, the tide.")
        await person.store.run(LiveReplies.settle, begun.reply.id, reply)
        await person.show(begun.session.id)
        assert "the moon" not in person.screen
        await find(person, "tide")
        assert (place(person), chosen(person)) == ((1, 4), "When is high water?")
        assert "the moon" not in person.screen
        for number in (2, 3, 4):
            await step(person, 1)
            assert (place(person), chosen(person)) == ((number, 4), "The tide turns at noon.")
            assert "the moon, the tide" in person.screen
        await step(person, 1)
        assert place(person) == (1, 4)


async def test_ctrl_f_finds_as_one_types_and_n_steps_behind_enter(home: Home) -> None:
    home.seed(("where do terns fly", "Terns fly south. A tern is small.\n\nThe last tern."))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "kept")
        burst(app, "ctrl+f", *"tern")
        await shown(pilot, app, "1 of 4 matches")
        burst(app, "down", "down")
        await shown(pilot, app, "3 of 4 matches")
        burst(app, "enter", "n", "n", "n", "N")
        await shown(pilot, app, "1 of 4 matches")
        assert app.main.transcript.has_focus
        await pilot.press("escape")
        await until(pilot, lambda: app.main.prompt.has_focus)
        assert "matches" not in frame(app)
        assert app.main.prompt.text == "kept"
        assert app.main.transcript.search_pattern is None


async def test_escape_ends_the_search_and_not_the_reply_that_arrives(home: Home) -> None:
    app = home.app()
    home.model.say("one two three")
    home.model.hold()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "go")
        await pilot.press("enter")
        await until(pilot, lambda: [view.content for view in app.main.transcript.live_views] == ["one"])
        await pilot.press("ctrl+f")
        await write(pilot, "one")
        await shown(pilot, app, "1 of 1 match")
        await pilot.press("enter", "escape")
        await until(pilot, lambda: not app.main.query_one(FindBar).display)
        assert app.main.conversation.live_reply is not None
        await pilot.press("escape")
        await until(pilot, lambda: app.main.conversation.live_reply is None)
        home.model.release()


async def test_the_search_ends_where_another_conversation_opens(home: Home) -> None:
    home.seed(("one", "text"), ("two", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+f")
        await write(pilot, "nowhere")
        await shown(pilot, app, "no matches")
        await pilot.press("alt+down")
        await until(pilot, lambda: not app.main.query_one(FindBar).display)
        await until(pilot, lambda: app.main.prompt.has_focus)
        with closing(home.open()) as store:
            assert store.drafts.get(app.main.conversation.id) == ""
