"""Keys of the messages: select, copy, regenerate, delete, find."""

from __future__ import annotations

from pathlib import Path

from textual.binding import Binding
from transcript_app import TranscriptReader, open_transcript

from sterna.tui.transcript import Transcript


def chosen(reader: TranscriptReader) -> str:
    view = reader.transcript.selected_message
    return view.content if view is not None else ""


async def test_j_and_k_select_messages_and_bring_them_into_view(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation(8)).id)
        reader.transcript.focus()
        await reader.wait_until_idle()
        assert chosen(reader) == "answer 7"
        for _ in range(15):
            await reader.press("k")
        assert chosen(reader) == "question 0"
        assert "question 0" in reader.screen
        await reader.press("j")
        assert chosen(reader) == "answer 0"


async def test_the_selected_message_has_a_bar(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation(2)).id)
        assert "▌" not in reader.screen
        reader.transcript.focus()
        await reader.wait_until_idle()
        assert next(row for row in reader.rows if "answer 1" in row).startswith("▌")


async def test_a_message_longer_than_the_screen_is_read_to_its_end_before_the_next(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        long = "\n\n".join(f"paragraph {n}" for n in range(40))
        await reader.show((await reader.add_conversation([("first", long), ("second", "short")])).id)
        reader.transcript.focus()
        await reader.press("g")
        seen = set()
        for _ in range(20):
            await reader.press("j")
            seen |= {n for n in range(40) if f"paragraph {n}" in reader.screen}
        assert seen == set(range(40))
        assert chosen(reader) == "short"


async def test_the_wheel_scrolls_and_a_click_chooses(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation(20)).id)
        rows = reader.rows
        reader.transcript.messages._on_mouse_scroll_up(_wheel(reader))
        await reader.wait_until_idle()
        assert reader.rows != rows
        row = next(y for y, text in enumerate(reader.rows) if "question" in text)
        await reader.pilot.click(offset=(5, row))
        await reader.wait_until_idle()
        assert reader.rows[row] == f"▌ {chosen(reader)}"
        assert reader.app.focused is reader.transcript


async def test_copying_a_message_gives_its_text_as_it_was_written(tmp_path: Path) -> None:
    source = "Some **bold** and\n\n```py\nx\n```"
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation([("q", source)])).id)
        reader.transcript.focus()
        await reader.press("c")
        await reader.until(lambda: reader.events(Transcript.Copied))
        assert reader.app.clipboard == source
        assert reader.events(Transcript.Copied)[0].what == "message"


async def test_copying_code_goes_through_the_blocks(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation([("q", "```py\n\tone\n```\nand\n\n```\ntwo\n```")])).id)
        reader.transcript.focus()
        copied = []
        for _ in range(3):
            await reader.press("y")
            copied.append(reader.app.clipboard)
        assert copied == ["\tone", "two", "\tone"]
        await reader.until(lambda: len(reader.events(Transcript.Copied)) == 3)
        assert reader.events(Transcript.Copied)[1].what == "code block 2 of 2"


async def test_a_drag_selects_text_and_copying_takes_that(tmp_path: Path) -> None:
    async with open_transcript(tmp_path, (40, 20)) as reader:
        words = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
        await reader.show((await reader.add_conversation([("q", words)])).id)
        row = next(y for y, text in enumerate(reader.rows) if "alpha" in text)
        await reader.pilot.mouse_down(offset=(8, row))
        await reader.pilot.hover(offset=(9, row + 1))
        await reader.pilot.mouse_up(offset=(9, row + 1))
        reader.transcript.focus()
        await reader.press("c")
        assert reader.app.clipboard
        assert reader.app.clipboard in words
        assert "\n" not in reader.app.clipboard
        assert reader.app.clipboard.startswith("beta gamma")


async def test_r_requests_another_version_of_the_selected_reply(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation(2)).id)
        reader.transcript.focus()
        await reader.press("r", "k", "k", "k", "r")
        await reader.until(lambda: len(reader.events(Transcript.RetryRequested)) == 2)
        ids = [event.message_id for event in reader.events(Transcript.RetryRequested)]
        assert ids == [reader.views[3].message_id, reader.views[1].message_id]


async def test_d_requests_to_delete_the_selected_message(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation(2)).id)
        reader.transcript.focus()
        await reader.press("k", "d")
        await reader.until(lambda: reader.events(Transcript.DeleteRequested))
        assert reader.events(Transcript.DeleteRequested)[0].message_id == reader.views[2].message_id


async def test_a_key_that_can_do_nothing_says_why(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show((await reader.add_conversation(1)).id)
        reader.transcript.focus()
        await reader.press("y", "o", "n")
        sentences = " ".join(note.message for note in reader.app._notifications)
        assert "no code block" in sentences
        assert "has no reasoning" in sentences
        assert "No active search" in sentences


async def test_n_goes_through_the_matches_of_a_search(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        pairs = [(f"about {'whales' if n % 20 == 5 else 'birds'} {n}", "yes") for n in range(60)]
        session = await reader.add_conversation(pairs)
        await reader.show(session.id, query="whal")
        reader.transcript.focus()
        await reader.wait_until_idle()
        visited = []
        for key in ("N", "N", "N", "n"):
            await reader.press(key)
            visited.append(chosen(reader))
            assert chosen(reader) in reader.screen
        assert visited == ["about whales 45", "about whales 25", "about whales 5", "about whales 25"]


async def test_the_words_of_a_search_are_highlighted(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation([("tell me of Whales", "none")])
        await reader.show(session.id, query="whal")
        marked = [
            segment.text
            for strip in reader.app.screen._compositor.render_strips()
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


def _wheel(reader: TranscriptReader) -> object:
    from textual.events import MouseScrollUp

    return MouseScrollUp(reader.transcript.messages, 5, 5, 0, -1, 0, False, False, False)
