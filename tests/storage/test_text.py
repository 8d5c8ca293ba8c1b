"""Text once it may be shown or stored."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticking import START

from sterna.storage import clean, clip, one_line, storable
from sterna.storage.clock import millis, parse, stamp
from sterna.storage.ids import base36, conversation_id, message_id
from tests.generated import examples

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

any_text = st.text(st.characters(codec=None, exclude_categories=()))


@examples(200)
@given(any_text)
def test_nothing_that_a_terminal_obeys_survives_cleaning_and_cleaning_twice_changes_nothing(text: str) -> None:
    shown = clean(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in shown if character not in "\n\t")
    assert clean(shown) == shown
    assert "\n" not in clean(text, newlines=False)
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;cm0gLXJm\x07hello", "]52;c;cm0gLXJmhello"),
        ("a\x9b31mb\x85c\x7f", "a31mbc"),
        ("tab\tand\r\nline\rend", "tab\tand\nline\nend"),
        ("one\u2028two", "one\ntwo"),
        ("rm \u202e cod.exe", "rm ‹RLO› cod.exe"),
        ("pay\u200bpal", "pay‹ZWSP›pal"),
        ("\ud800", "\ufffd"),
        ("[/x] [@click=app.quit]", "[/x] [@click=app.quit]"),
        ("👩\u200d💻 ❤\ufe0f 👩🏽\u200d🚀", "👩\u200d💻 ❤\ufe0f 👩🏽\u200d🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200cb", "a‹ZWNJ›b"),
        (ENGLAND, ENGLAND),
        ("x\U000e0041", "x‹U+E0041›"),
    ],
)  # fmt: skip
def test_what_is_dropped_what_is_marked_and_what_is_left_alone(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_one_line_is_one_line_of_at_most_so_many_characters() -> None:
    assert one_line("  a\n\n b\tc  ") == "a b c"
    assert one_line("x" * 10_000_000, 5) == "xxxx…"
    assert clip("short", 5) == "short"
    assert clip("longer", 5) == "long…"
    assert clip("long", 0) == ""


@examples(200)
@given(any_text)
def test_what_is_stored_is_text_to_every_engine(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept
    kept.encode("utf-8")
    assert storable(kept) == kept


def test_a_pair_of_surrogates_is_the_character_it_stands_for() -> None:
    assert storable("\ud83d\ude00 \ud83d") == "😀 \ufffd"


def test_times_are_kept_with_six_digits_and_read_in_any_form_of_the_wire() -> None:
    assert stamp(START) == "2026-03-01T12:00:00.000000Z"
    for form in ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00.000+01:00", "2026-03-01T12:00:00"):
        assert parse(form) == START
    with pytest.raises(ValueError, match="yesterday"):
        parse("yesterday")


def test_ids_have_upstream_s_form_and_never_repeat() -> None:
    assert conversation_id(START, lambda n: "a" * n) == f"conv_{millis(START)}_aaaaaaaaaaaa"
    assert message_id(START) != message_id(START)
    assert len(base36(12)) == 12
