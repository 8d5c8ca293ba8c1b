"""The last gate: no control character reaches the terminal, and with ASCII only nothing but ASCII does."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from sterna.tui.sidebar.drawing import SIGNS
from sterna.tui.terminal.output_filter import OutputFilter, ascii_cell, wants_ascii

BLACK = Color(0, 0, 0)


def through(text: str, *, ascii_only: bool = False) -> str:
    return "".join(segment.text for segment in OutputFilter(ascii_only=ascii_only).apply([Segment(text)], BLACK))


@given(st.text(max_size=60))
def test_nothing_that_a_terminal_obeys_passes(text: str) -> None:
    shown = through(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or 0x202A <= ord(c) <= 0x202E for c in shown)


@given(st.text(max_size=60))
def test_ascii_takes_the_same_number_of_cells(text: str) -> None:
    shown = through(text, ascii_only=True)
    assert shown.isascii()
    assert len(shown) == cell_len(through(text))


def test_ordinary_text_passes_untouched() -> None:
    line = [Segment("naïve – 日本語 🐦 │")]
    assert OutputFilter().apply(line, BLACK) is line


def test_an_escape_sequence_loses_its_escape() -> None:
    assert through("a\x1b[31mb\x9b2Jc") == "a[31mb2Jc"


def test_borders_and_marks_become_ascii_look_alikes() -> None:
    assert through("╭─╮ │›│ é ● 日", ascii_only=True) == "+-+ |>| e * ??"
    assert "?" not in through("▁▂▃▄▅▆▇█▉▊▋▌▍▎▏", ascii_only=True)  # the ends of a scrollbar


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, True),
        ({"LANG": "C.utf8"}, False),
        ({"LANG": "en_US.UTF-8", "TERM": "vt100"}, True),
    ],
)
def test_ascii_is_chosen_by_what_the_locale_and_the_terminal_say(environ: dict[str, str], expected: bool) -> None:
    assert wants_ascii("auto", environ) is expected


def test_the_settings_overrule_the_locale() -> None:
    assert wants_ascii("unicode", {"LANG": "C"}) is False
    assert wants_ascii("ascii", {}) is True


def test_every_glyph_of_the_reviewed_frames_has_an_ascii_look_alike() -> None:
    golden = (Path(__file__).parent / "golden").glob("*.txt")
    glyphs = {glyph for path in golden for glyph in path.read_text("utf-8") if cell_len(glyph) == 1}
    marks = set(astuple(SIGNS))
    assert not {glyph for glyph in glyphs | marks | set("┏┓┗┛☐☑") if glyph != "?" and "?" in ascii_cell(glyph)}
