"""Half-remembered names are found, and no text takes long."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from sterna.tui.pickers.fuzzy import match


def ranked(query: str, *texts: str) -> list[str]:
    """Those that match, the best first."""
    found = [(hit.score, text) for text in texts if (hit := match(query, text)) is not None]
    return [text for _, text in sorted(found, key=lambda one: -one[0])]


def test_what_begins_with_the_words_comes_first() -> None:
    assert ranked("gpt", "openai/gpt-4o", "gpt-4o", "egpts", "grand-piano-tuner", "claude") == [
        "gpt-4o",
        "openai/gpt-4o",
        "egpts",
        "grand-piano-tuner",
    ]


def test_words_in_any_order_and_any_case_are_found() -> None:
    assert match("SONNET claude", "anthropic/claude-sonnet-4") is not None
    assert match("claude haiku", "anthropic/claude-sonnet-4") is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_places_are_letters_of_the_text_and_scores_are_parts_of_one(query: str, text: str) -> None:
    hit = match(query, text)
    if hit is not None:
        assert 0 <= hit.score <= 1
        assert all(0 <= place < len(text) for place in hit.positions)
        assert len(hit.positions) <= len("".join(query.split())) or not query.split()


@given(st.text(min_size=1, max_size=40))
def test_every_text_finds_itself(text: str) -> None:
    assert match(text, text) is not None


def test_many_equal_letters_take_no_time() -> None:
    began = time.process_time()
    assert match("a" * 200 + "b", "a" * 400) is None
    assert match("ab" * 50, "a b" * 400) is not None
    assert time.process_time() - began < 1
