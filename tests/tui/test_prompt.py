"""The prompt: grows, remembers, folds big pastes, and never loses or garbles what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from sterna.tui.prompt import Prompt
from sterna.tui.prompt.history import History
from sterna.tui.prompt.pastes import FOLD_CHARACTERS, Pastes, is_long, plain
from sterna.tui.prompt.stored_draft import StoredDraft, split_aside, split_edited, with_aside, with_edited
from sterna.tui.prompt.stored_draft import plain as all_of
from tests.generated import examples

BIG = "".join(f"line {number} of a long log\n" for number in range(20_000))
assert len(BIG) > FOLD_CHARACTERS


class Writing(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Prompt.Submitted] = []
        self.refused: list[str] = []

    def compose(self) -> ComposeResult:
        yield Prompt()

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        self.sent.append(event)

    def on_prompt_refused(self, event: Prompt.Refused) -> None:
        self.refused.append(event.reason)


async def paste(pilot: Pilot[None], text: str) -> None:
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def test_enter_sends_and_the_text_stays_until_it_is_stored() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"hello", "enter")
        await pilot.pause()
        assert [event.text for event in app.sent] == ["hello"]
        assert app.prompt.text == "hello"
        app.prompt.sent(app.sent[0].shown, app.sent[0].text)
        assert app.prompt.text == ""


async def test_what_is_typed_while_a_message_is_being_stored_stays() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"one", "enter", *" two")
        await pilot.pause()
        app.prompt.sent(app.sent[0].shown, app.sent[0].text)
        assert app.prompt.text == " two"


async def test_a_new_line_has_three_plain_ways() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press("a", "ctrl+j", "b", "alt+enter", "c", "shift+enter", "d", "\\", "enter", "e")
        assert app.prompt.text == "a\nb\nc\nd\ne"
        assert app.sent == []


async def test_an_empty_prompt_says_why_nothing_was_sent() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press("space", "ctrl+j", "enter")
        await pilot.pause()
        assert app.sent == []
        assert app.refused == ["The prompt is empty."]


async def test_a_prompt_too_long_for_any_model_is_refused_and_kept() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await paste(pilot, "x" * 10_000_000)
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent == []
        assert "10.0 million characters" in app.refused[0]
        assert app.prompt.whole == "x" * 10_000_000


async def test_a_big_paste_stands_as_one_label_and_is_sent_whole() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"see ")
        await paste(pilot, BIG)
        await pilot.press(*" ok?")
        assert app.prompt.text == "see [pasted 0.5 MB, 20,000 lines] ok?"
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent[0].text == f"see {BIG} ok?"


@pytest.mark.parametrize(("end", "label"), [("", "13 lines"), ("\n", "13 lines"), ("\n\n", "14 lines")])
def test_a_line_end_at_the_end_of_a_paste_is_no_further_line(end: str, label: str) -> None:
    assert Pastes().fold("\n".join("x" * 13) + end) == f"[pasted {label}]"


def test_twelve_lines_are_no_long_paste() -> None:
    assert not is_long("x\n" * 12)
    assert is_long("x\n" * 13)


async def test_a_label_is_deleted_as_one_piece_and_undo_brings_it_back() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press("a")
        await paste(pilot, BIG)
        await pilot.press("backspace")
        assert app.prompt.text == "a"
        await pilot.press("ctrl+z")
        assert app.prompt.whole == f"a{BIG}"


async def test_typing_inside_a_label_goes_behind_it() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await paste(pilot, BIG)
        await pilot.press("left", "left", "left", "x")
        assert app.prompt.whole == f"{BIG}x"


async def test_two_pastes_of_the_same_size_keep_their_own_text() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await paste(pilot, BIG)
        await paste(pilot, BIG.replace("log", "dog"))
        assert app.prompt.text.count("[pasted") == 2
        assert app.prompt.whole == BIG + BIG.replace("log", "dog")


async def test_a_folded_paste_survives_as_a_draft() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"see ")
        await paste(pilot, BIG)
        draft = app.prompt.draft
        assert plain(draft) == f"see {BIG}"
        app.prompt.put("")
        app.prompt.put(draft)
        assert app.prompt.text == "see [pasted 0.5 MB, 20,000 lines]"
        assert app.prompt.whole == f"see {BIG}"


@examples(40)
@given(st.lists(st.one_of(st.text(max_size=20), st.text(max_size=8).map(lambda text: text + "y\n" * 300)), max_size=5))
def test_a_draft_gives_back_exactly_what_was_written(pieces: list[str]) -> None:
    pieces = [piece.translate({2: None, 3: None}) for piece in pieces]
    pastes = Pastes()
    shown = "".join(pastes.fold(piece) if len(piece) > 300 else piece for piece in pieces)
    again = Pastes()
    assert again.expand(again.from_draft(pastes.to_draft(shown))) == pastes.expand(shown)
    assert plain(pastes.to_draft(shown)) == pastes.expand(shown)


async def test_control_characters_are_left_out_of_what_is_pasted() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await paste(pilot, "a\x1b[31mb\x00c\x9bd\r\ne\rf\tg\ud800h")
        assert app.prompt.text == "a[31mbcd\ne\nf\tgh"


async def test_up_and_down_walk_through_earlier_prompts_and_back_to_what_was_being_written() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.prompt.history_of_prompts.fill(["second", "first\nwith two lines"])
        await pilot.press(*"new", "up")
        assert app.prompt.text == "second"
        await pilot.press("up")
        assert app.prompt.text == "first\nwith two lines"
        await pilot.press("up", "up")
        assert app.prompt.text == "first\nwith two lines", "up moved to its first line, and there is nothing older"
        await pilot.press("down", "down")
        assert app.prompt.text == "second"
        await pilot.press("down")
        assert app.prompt.text == "new"
        await pilot.press("down")
        assert app.prompt.text == "new"


async def test_inside_a_long_text_up_moves_the_cursor() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.prompt.history_of_prompts.fill(["old"])
        await pilot.press("a", "ctrl+j", "b", "up")
        assert app.prompt.text == "a\nb"


async def test_it_grows_with_its_text_up_to_ten_lines() -> None:
    app = Writing()
    async with app.run_test(size=(60, 40)) as pilot:
        app.prompt.styles.max_height = 12
        app.prompt.styles.height = "auto"
        heights = []
        for _ in range(14):
            await pilot.pause()
            heights.append(app.prompt.size.height)
            await pilot.press("ctrl+j")
        assert heights[0] == 1
        assert heights[4] == 5
        assert max(heights) == 10


def test_a_prompt_sent_twice_is_remembered_once_at_its_newest_place() -> None:
    history = History()
    history.fill(["b", "a"])
    history.add("a")
    assert [history.older(""), history.older(""), history.older("")] == ["a", "b", None]


async def test_a_paste_made_while_a_message_is_being_stored_stays_whole() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"one", "enter")
        await paste(pilot, BIG)
        app.prompt.sent("one", "one")
        assert app.prompt.whole == BIG


async def test_a_draft_put_before_what_is_being_sent_stays_and_the_sent_text_goes() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"sent", "enter", *" later")
        app.prompt.join("kept draft")
        app.prompt.sent("sent", "sent")
        assert app.prompt.text == "kept draft later"


LINES = "\n".join(f"line {number}" for number in range(40))


async def test_undo_of_a_long_paste_ends_nothing_whatever_stood_there_before() -> None:
    for before in ("", "words", "one\ntwo"):
        for pasted in ("\n" * 13, LINES, BIG, LINES + "\n", "x" * 3_000):
            app = Writing()
            app.CSS = "Prompt { height: auto; max-height: 12; }"
            async with app.run_test(size=(60, 24)) as pilot:
                app.prompt.put(before)
                await paste(pilot, pasted)
                await pilot.press("end", "pageup", "ctrl+end")
                await pilot.press("ctrl+z")
                assert app.prompt.whole == before
                await pilot.press("ctrl+y")
                assert app.prompt.whole == before + pasted
                await pilot.press("ctrl+z", "!")
                assert app.prompt.text == before + "!"


async def test_undo_goes_back_a_word_at_a_time() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"one two  three", "ctrl+j", *"four")
        seen = []
        while app.prompt.text:
            seen.append(app.prompt.text)
            await pilot.press("ctrl+z")
        assert seen == ["one two  three\nfour", "one two  three\n", "one two  three", "one two  ", "one "]
        for text in reversed(seen):
            await pilot.press("ctrl+y")
            assert app.prompt.text == text


async def test_undo_of_deleted_words_brings_back_what_was_deleted_last() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"one two three")
        await pilot.press("ctrl+w", "ctrl+w")
        assert app.prompt.text == "one "
        await pilot.press("ctrl+z")
        assert app.prompt.text == "one two "
        await pilot.press("ctrl+z")
        assert app.prompt.text == "one two three"


LOG = "\n".join(f"entry {number}" for number in range(120))


async def test_a_long_paste_is_a_label_that_a_key_or_a_click_unfolds_and_undo_folds_again() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await pilot.press(*"see ")
        await paste(pilot, LOG)
        await pilot.press(*" ok?")
        assert app.prompt.text == "see [pasted 120 lines] ok?"
        await pilot.press("alt+o")
        assert app.prompt.text == f"see {LOG} ok?"
        await pilot.press("ctrl+z")
        assert app.prompt.text == "see [pasted 120 lines] ok?"
        await pilot.click(Prompt, offset=(12, 1))
        await pilot.pause()
        assert app.prompt.text == f"see {LOG} ok?"
        assert plain(app.prompt.draft) == f"see {LOG} ok?"


async def test_the_paste_at_the_cursor_is_unfolded_and_a_huge_one_never() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        await paste(pilot, LOG)
        await pilot.press("space")
        await paste(pilot, LOG.upper())
        await pilot.press("alt+o")
        assert app.prompt.text == f"[pasted 120 lines] {LOG.upper()}"
        app.prompt.put("")
        await paste(pilot, BIG)
        await pilot.press("alt+o")
        await pilot.pause()
        assert app.prompt.text == "[pasted 0.5 MB, 20,000 lines]"
        assert "too long to be shown here" in app.refused[0]


async def test_what_is_being_written_is_set_aside_and_comes_back_even_when_the_earlier_prompt_is_changed() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.prompt.history_of_prompts.fill(["old"])
        await pilot.press(*"new", "ctrl+up")
        assert app.prompt.text == "old"
        assert app.prompt.draft == "new\x1f", "the earlier prompt is no draft"
        await pilot.press("ctrl+down")
        assert app.prompt.text == app.prompt.draft == "new"
        await pilot.press("ctrl+up", "!")
        draft = app.prompt.draft
        app.prompt.put("")
        app.prompt.put(draft)
        assert app.prompt.text == "old!"
        await pilot.press("enter")
        await pilot.pause()
        app.prompt.sent(app.sent[0].shown, app.sent[0].text)
        assert app.prompt.text == app.prompt.draft == "new"


async def test_a_quick_walk_through_the_history_does_not_lose_its_place() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.prompt.history_of_prompts.fill([f"prompt {number}" for number in range(5)])
        for key in ("new", "ctrl+up", "ctrl+up", "ctrl+up", "ctrl+down"):
            if key == "new":
                await paste(pilot, "new")
            else:
                app.prompt.action_older() if key == "ctrl+up" else app.prompt.action_newer()
        await pilot.pause()
        assert app.prompt.text == "prompt 1"
        await pilot.press("ctrl+down", "ctrl+down")
        assert app.prompt.text == "new"


@given(st.lists(st.text(min_size=1, max_size=8), max_size=3), st.lists(st.text(min_size=1, max_size=8), max_size=3))
def test_a_stored_draft_gives_back_its_parts(queued: list[str], aside: list[str]) -> None:
    marks = {ord(mark): None for mark in "\x02\x03\x1c\x1d\x1e\x1f"}
    queued, aside = ([text.translate(marks) for text in texts] for texts in (queued, aside))
    edit = with_edited("msg_1", "text")
    stored = str(StoredDraft(tuple(queued), with_aside(aside, edit)))
    draft = StoredDraft.parse(stored)
    assert draft.queued == tuple(queued)
    assert split_aside(draft.text) == (aside, edit)
    assert split_edited(edit) == ("msg_1", "text")
    assert split_edited("text") == (None, "text")
    assert all_of(stored) == "\n\n".join(part for part in [*queued, *aside, "text"] if part)
