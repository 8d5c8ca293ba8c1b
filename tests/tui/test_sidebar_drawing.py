"""A row says everything in signs and words, in exactly the cells it has, whatever its title holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from sterna.storage import ConversationSummary
from sterna.tui.sidebar.drawing import ASCII, SIGNS, Signs, State, cut, preview_line, title_line
from sterna.tui.terminal.output_filter import CONTROL


def row(
    title: str = "Terns", preview: str = "They fly far.", model: str | None = "or/maker/tern-2", **marks: bool
) -> ConversationSummary:
    known = {name: marks.pop(name, False) for name in ("live", "unread", "failed", "unsynced")}
    return ConversationSummary("conv_1", title, preview, model, "2026-11-21T12:00:00.000000Z", **known, **marks)


def both(row: ConversationSummary, width: int = 30, signs: Signs = SIGNS, **state: bool) -> list[str]:
    """The two lines of a row."""
    now = State(**state)
    first = title_line(row, "12:00", width, now, signs, lambda part: Style())
    second = preview_line(row, width, now, signs, lambda part: Style())
    assert (first.cell_length, second.cell_length) == (width, width)
    return [first.text, second.text]


def test_a_quiet_row_has_no_marks() -> None:
    assert both(row()) == [
        "   Terns                12:00 ",
        "   They fly far.       tern-2 ",
    ]


@pytest.mark.parametrize(
    ("marks", "plain", "ascii_only"),
    [
        ({"unread": True}, " ● Terns", " * Terns"),
        ({"live": True, "unread": True}, " ○ Terns", " ~ Terns"),
        ({"failed": True}, " ✗ Terns", " x Terns"),
    ],
)
def test_each_mark_is_a_sign_of_its_own(marks: dict[str, bool], plain: str, ascii_only: str) -> None:
    assert both(row(**marks))[0].startswith(plain)
    assert both(row(**marks), signs=ASCII)[0].startswith(ascii_only)
    assert "".join(both(row(**marks), signs=ASCII)).isascii()


def test_what_goes_on_is_also_a_word() -> None:
    assert both(row(live=True))[1].endswith(" replying ")
    assert both(row(failed=True))[1].endswith(" failed ")


def test_a_draft_and_a_private_conversation_are_marked() -> None:
    assert both(row(draft=True))[1] == "   They fly far.        draft "
    assert both(row(draft=True), opened=True)[1].endswith(" tern-2 ")  # its draft stands in the prompt
    assert both(row(private=True))[1] == " ⌂ They fly far.      private "
    assert both(row(private=True, draft=True))[1] == " ⌂ They fly far.        draft "
    assert both(row(private=True, unsynced=True), signed_in=True)[1].startswith(" ⌂ ")
    assert both(row(private=True), signs=ASCII)[1].startswith(" # ")


def test_an_untitled_conversation_goes_by_its_question_or_is_called_new() -> None:
    assert both(row("New Chat", untitled=True))[0].startswith("   New conversation ")
    assert both(row("New Chat", "Why?", live=True, untitled=True))[0].startswith(" ○ Why? ")
    assert both(row("New Chat"))[0].startswith("   New Chat ")  # a title given by hand


def test_unsynced_shows_for_a_signed_in_account_only() -> None:
    assert both(row(unsynced=True))[1].startswith("   They")
    assert both(row(unsynced=True), signed_in=True)[1].startswith(" ↑ They")


def test_a_terminal_without_unicode_gets_ascii_in_the_same_places() -> None:
    lines = both(row("👩‍👩‍👧 Café 日本語", "“Où?”", model="naïve"), signs=ASCII)
    assert "".join(lines).isascii()
    assert lines[0].endswith(" 12:00 ")
    assert "Cafe" in lines[0]


def test_opened_and_cursor_can_be_told_apart_without_colour() -> None:
    fronts = {
        state: [line[0] for line in both(row(), **dict.fromkeys(state, True))]
        for state in ((), ("opened",), ("cursor",), ("opened", "cursor"))
    }
    assert fronts == {
        (): [" ", " "],
        ("opened",): ["▎", "▎"],
        ("cursor",): ["›", " "],
        ("opened", "cursor"): ["›", "▎"],
    }


def test_a_conversation_without_messages_says_so() -> None:
    assert "no messages yet" in both(row(preview="", model=None))[1]


@given(st.text(max_size=60), st.integers(0, 30), st.sampled_from(["…", ".."]))
def test_a_text_is_cut_to_exactly_its_cells(text: str, width: int, more: str) -> None:
    text = "".join(character for character in text if character.isprintable())
    assert cell_len(cut(text, width, more)) == width


def test_wide_letters_are_cut_by_cells() -> None:
    assert cut("日本語の勉強", 7) == "日本語…"
    assert cut("日本語の勉強", 8) == "日本語… "
    assert cut("日本", 6) == "日本  "


@given(st.text(max_size=80), st.text(max_size=80), st.integers(20, 60))
def test_no_title_breaks_a_line_or_reaches_the_terminal_as_a_command(title: str, preview: str, width: int) -> None:
    for line in both(row(f"{title}\x1b[31m\u202e", f"\x9b2J{preview}\n", model="\x07x"), width):
        assert "\n" not in line
        assert CONTROL.search(line) is None
