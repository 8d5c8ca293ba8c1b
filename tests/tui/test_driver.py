"""What reaches the program from the terminal's bytes."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from textual.drivers import linux_driver

from sterna.tui.terminal import driver as driver
from sterna.tui.terminal.input import TerminalParser

START, END = "\x1b[200~", "\x1b[201~"
COLOURED = "\x1b]0;title\x07 \x1b[31mdelete dd\x1b[0m \x9b x\r"


def heard(chunks: list[str]) -> list[tuple[str, str]]:
    parser = TerminalParser()
    found = [event for chunk in chunks if chunk for event in parser.feed(chunk)]
    return [
        ("paste", event.text) if isinstance(event, events.Paste) else ("key", event.key)
        for event in found
        if isinstance(event, events.Paste | events.Key)
    ]


@example(COLOURED, 9)
@example("\x1b", 1)
@example("\x1b[201", 1)
@given(st.text("\x1b[]0123~;m\x07\x9b\rdr \n", max_size=60), st.integers(1, 12))
def test_a_paste_is_text_whatever_is_in_it_and_presses_no_key(text: str, size: int) -> None:
    text = text.replace(END, "")
    sent = f"a{START}<{text}>{END}b"
    chunks = [sent[place : place + size] for place in range(0, len(sent), size)]
    assert heard(chunks) == [("key", "a"), ("paste", f"<{text.replace(chr(27), '')}>"), ("key", "b")]


def test_keys_pass_at_once_and_two_pastes_stay_two() -> None:
    keys = heard(["\x1b[A", "x", "\x1b\r", START + "one" + END + START + "two" + END, "\x1b[B"])
    assert [name for _, name in keys] == ["up", "x", "alt+enter", "one", "two", "down"]


def test_the_driver_reads_with_it() -> None:
    assert vars(linux_driver)["XTermParser"] is TerminalParser
