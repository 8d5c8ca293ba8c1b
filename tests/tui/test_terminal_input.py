"""Keys, pastes and bursts, as terminals of every kind write them."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from textual.keys import Keys

from sterna.tui.terminal import textual_fixes as textual_fixes
from sterna.tui.terminal.driver import tolerant_decoder
from sterna.tui.terminal.input import BURST_SECONDS, TerminalParser

ANY_TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=("Cc", "Cs")),
        st.sampled_from(
            "\u3000\u00a0\u202f\u2009\u200b\u200c\u200d\u00ad\ufeff\u2028\u2029\u202e\U000e0041\U0001f9d1\ue000"
        ),
    ),
    min_size=1,
    max_size=12,
)


class Hand:
    """A person's hands on the parser, with a clock that only they move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("sterna.tui.terminal.input.get_time", lambda: self.now)
        self.parser = TerminalParser()
        self.events: list[str] = []

    def types(self, *chunks: str) -> None:
        """Each chunk as one read of the terminal, one right after the other."""
        for chunk in chunks:
            self._take(self.parser.feed(chunk))

    def waits(self) -> None:
        self.now += BURST_SECONDS * 2
        self._take(self.parser.tick())

    def _take(self, found: object) -> None:
        for event in found:  # type: ignore[attr-defined]
            if isinstance(event, events.Paste):
                self.events.append(f"paste {event.text!r}")
            elif isinstance(event, events.Key) and event.key != Keys.Ignore:
                self.events.append(event.character if event.is_printable and event.character else event.key)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    return Hand(monkeypatch)


def typed(data: str) -> str:
    """The text that ``data`` types."""
    return "".join(
        event.character or ""
        for event in TerminalParser().feed(data)
        if isinstance(event, events.Key) and event.is_printable
    )


@given(ANY_TEXT)
def test_every_character_types_itself_in_every_protocol(text: str) -> None:
    codes = [ord(each) for each in text]
    assert typed(text) == text
    assert typed("".join(f"\x1b[{code};;{code}u" for code in codes)) == text  # kitty, with the text
    assert typed("\x1b[0;;" + ":".join(map(str, codes)) + "u") == text  # kitty, from an input method
    plain = [code for code in codes if not 0xE000 <= code <= 0xF8FF]  # there kitty numbers its keys
    assert typed("".join(f"\x1b[{code}u" for code in plain)) == "".join(map(chr, plain))
    assert typed("".join(f"\x1b[27;1;{code}~" for code in plain)) == "".join(map(chr, plain))


@example("é", 1)
@given(ANY_TEXT, st.integers(1, 4))
def test_bytes_divided_anywhere_are_the_same_text(text: str, size: int) -> None:
    decode, data = tolerant_decoder("utf-8")().decode, text.encode()
    assert "".join(decode(data[at : at + size]) for at in range(0, len(data), size)) == text


def test_bytes_that_are_no_text_end_nothing() -> None:
    assert codecs.decode(b"a\xffb", "utf-8", "replace") == tolerant_decoder("utf-8")().decode(b"a\xffb")


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ("\x1b[13;2u", "shift+enter"),
        ("\x1b[27;2;13~", "shift+enter"),
        ("\x1b[27;5;13~", "ctrl+enter"),
        ("\x1b[13u", "enter"),
        ("\x1b[97;5u", "ctrl+a"),
        ("\x1b[27;5;97~", "ctrl+a"),
        ("\x1b[127u", "backspace"),
        ("\x1b[27u", "escape"),
        ("\x1b[97:65;5:1u", "ctrl+a"),
    ],
)
def test_commands_are_commands_in_every_protocol(data: str, key: str) -> None:
    assert [event.key for event in TerminalParser().feed(data) if isinstance(event, events.Key)] == [key]


@pytest.mark.parametrize(
    ("data", "text"),
    [("\x1b[65;2u", "A"), ("\x1b[97;2u", "A"), ("\x1b[27;2;65~", "A"), ("\x1b[97;65u", "a"), ("\x1b[97;129u", "a")],
)
def test_shift_and_locks_type_text(data: str, text: str) -> None:
    assert typed(data) == text


@pytest.mark.parametrize(
    "data",
    [
        "\x1b[97;1:3u",
        "\x1b[9999999999u",
        "\x1b[1;1:3A",
        "\x1b[55296u",
        "\x1b[27;1;1114112~",
        "\x1b[?64;1;9c",
        "\x1b[?1u",
    ],
)
def test_what_presses_no_key_types_nothing_and_ends_nothing(data: str) -> None:
    parser = TerminalParser()
    assert [
        event.key for event in parser.feed(data + "x") if isinstance(event, events.Key) and event.key != Keys.Ignore
    ] == ["x"]


def test_lines_that_come_at_once_are_a_paste_and_send_nothing(hand: Hand) -> None:
    hand.types("one\rtwo\r\nthree")
    hand.waits()
    assert hand.events == ["paste 'one\\ntwo\\nthree'"]


def test_a_burst_divided_anywhere_presses_no_enter(hand: Hand) -> None:
    text = "one\rtwo\rthree\r"
    for size in range(1, len(text)):
        hand.events.clear()
        hand.types(*(text[at : at + size] for at in range(0, len(text), size)))
        assert "enter" not in hand.events[:-1], size
        hand.waits()
        hand.waits()


def test_one_line_and_enter_is_sent(hand: Hand) -> None:
    hand.types("hi\r")
    assert hand.events == ["h", "i"], "more lines may follow"
    hand.waits()
    assert hand.events == ["h", "i", "enter"]


def test_a_person_who_types_waits_for_nothing(hand: Hand) -> None:
    hand.types("h")
    hand.waits()
    hand.types("\r")
    assert hand.events == ["h", "enter"]
    hand.waits()
    hand.types("x")
    assert hand.events == ["h", "enter", "x"]


def test_enter_comes_before_the_key_that_follows_it(hand: Hand) -> None:
    hand.types("title\r\x1b[A")
    assert hand.events == [*"title", "enter", "up"]
    hand.types("\x0cmodel\r\x0e")
    assert hand.events[7:] == ["ctrl+l", *"model", "enter", "ctrl+n"]


def test_a_paste_between_answers_of_the_terminal_is_whole(hand: Hand) -> None:
    hand.types("\x1b[?2026;2$yone\rtwo\x1b[?2048;0$y")
    assert hand.events == ["paste 'one\\ntwo'"]


def test_a_newline_of_the_terminals_line_mode_was_enter(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TerminalParser, "line_mode_bytes", len("wörd\n".encode()))
    hand.types("wörd\n")
    hand.waits()
    hand.types("\n")
    assert hand.events == [*"wörd", "enter", "ctrl+j"]
