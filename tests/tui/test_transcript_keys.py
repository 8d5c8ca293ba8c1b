"""What a person does with messages: choose, copy, retry, delete, find."""

from __future__ import annotations

from pathlib import Path

from textual.binding import Binding
from transcript_screen import Reading, reading

from sterna.tui.transcript import Transcript


def chosen(person: Reading) -> str:
    view = person.transcript.selected_message
    return view.content if view is not None else ""


async def test_j_and_k_choose_messages_and_bring_them_into_view(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(8)).id)
        person.transcript.focus()
        await person.settled()
        assert chosen(person) == "answer 7"
        for _ in range(15):
            await person.press("k")
        assert chosen(person) == "question 0"
        assert "question 0" in person.screen
        await person.press("j")
        assert chosen(person) == "answer 0"


async def test_the_chosen_message_has_a_bar(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(2)).id)
        assert "▌" not in person.screen
        person.transcript.focus()
        await person.settled()
        assert next(row for row in person.rows if "answer 1" in row).startswith("▌")


async def test_a_message_longer_than_the_screen_is_read_to_its_end_before_the_next(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        long = "\n\n".join(f"paragraph {n}" for n in range(40))
        await person.show((await person.talk([("first", long), ("second", "short")])).id)
        person.transcript.focus()
        await person.press("g")
        seen = set()
        for _ in range(20):
            await person.press("j")
            seen |= {n for n in range(40) if f"paragraph {n}" in person.screen}
        assert seen == set(range(40))
        assert chosen(person) == "short"


async def test_the_wheel_scrolls_and_a_click_chooses(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(20)).id)
        rows = person.rows
        person.transcript.messages._on_mouse_scroll_up(_wheel(person))
        await person.settled()
        assert person.rows != rows
        row = next(y for y, text in enumerate(person.rows) if "question" in text)
        await person.pilot.click(offset=(5, row))
        await person.settled()
        assert person.rows[row] == f"▌ {chosen(person)}"
        assert person.app.focused is person.transcript


async def test_copying_a_message_gives_its_text_as_it_was_written(tmp_path: Path) -> None:
    source = "Some **bold** and\n\n```py\nx\n```"
    async with reading(tmp_path) as person:
        await person.show((await person.talk([("q", source)])).id)
        person.transcript.focus()
        await person.press("c")
        await person.until(lambda: person.posted_events(Transcript.Copied))
        assert person.app.clipboard == source
        assert person.posted_events(Transcript.Copied)[0].what == "message"


async def test_copying_code_goes_through_the_blocks(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk([("q", "```py\n\tone\n```\nand\n\n```\ntwo\n```")])).id)
        person.transcript.focus()
        copied = []
        for _ in range(3):
            await person.press("y")
            copied.append(person.app.clipboard)
        assert copied == ["\tone", "two", "\tone"]
        await person.until(lambda: len(person.posted_events(Transcript.Copied)) == 3)
        assert person.posted_events(Transcript.Copied)[1].what == "code block 2 of 2"


async def test_a_drag_selects_text_and_copying_takes_that(tmp_path: Path) -> None:
    async with reading(tmp_path, (40, 20)) as person:
        words = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
        await person.show((await person.talk([("q", words)])).id)
        row = next(y for y, text in enumerate(person.rows) if "alpha" in text)
        await person.pilot.mouse_down(offset=(8, row))
        await person.pilot.hover(offset=(9, row + 1))
        await person.pilot.mouse_up(offset=(9, row + 1))
        person.transcript.focus()
        await person.press("c")
        assert person.app.clipboard
        assert person.app.clipboard in words
        assert "\n" not in person.app.clipboard
        assert person.app.clipboard.startswith("beta gamma")


async def test_r_asks_for_another_reply_to_what_is_chosen(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(2)).id)
        person.transcript.focus()
        await person.press("r", "k", "k", "k", "r")
        await person.until(lambda: len(person.posted_events(Transcript.RetryRequested)) == 2)
        ids = [event.message_id for event in person.posted_events(Transcript.RetryRequested)]
        assert ids == [person.views[3].message_id, person.views[1].message_id]


async def test_d_asks_to_delete_what_is_chosen(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(2)).id)
        person.transcript.focus()
        await person.press("k", "d")
        await person.until(lambda: person.posted_events(Transcript.DeleteRequested))
        assert person.posted_events(Transcript.DeleteRequested)[0].message_id == person.views[2].message_id


async def test_a_key_that_can_do_nothing_says_why(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk(1)).id)
        person.transcript.focus()
        await person.press("y", "o", "n")
        said = " ".join(note.message for note in person.app._notifications)
        assert "no code block" in said
        assert "has no reasoning and no tool calls" in said
        assert "No active search" in said


async def test_n_goes_through_what_a_search_found(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        pairs = [(f"about {'whales' if n % 20 == 5 else 'birds'} {n}", "yes") for n in range(60)]
        session = await person.talk(pairs)
        await person.show(session.id, query="whal")
        person.transcript.focus()
        await person.settled()
        visited = []
        for key in ("N", "N", "N", "n"):
            await person.press(key)
            visited.append(chosen(person))
            assert chosen(person) in person.screen
        assert visited == ["about whales 45", "about whales 25", "about whales 5", "about whales 25"]


async def test_the_words_that_were_searched_for_are_marked(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk([("tell me of Whales", "none")])
        await person.show(session.id, query="whal")
        marked = [
            segment.text
            for strip in person.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.reverse
        ]
        assert "".join(marked) == "Whal"


async def test_every_key_can_be_remapped_and_is_described() -> None:
    for binding in Transcript.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.id is not None
        assert binding.id.startswith("transcript.")
        assert binding.description
        assert hasattr(Transcript, f"action_{binding.action.partition('(')[0]}")


def _wheel(person: Reading) -> object:
    from textual.events import MouseScrollUp

    return MouseScrollUp(person.transcript.messages, 5, 5, 0, -1, 0, False, False, False)
