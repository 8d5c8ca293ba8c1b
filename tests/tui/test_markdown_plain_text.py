"""Previews and search results show words, not Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.tui.markdown.plain_text import without_marks


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("## Conversations\nA new one", "Conversations\nA new one"),
        ("Keep a **heap** of `ten`", "Keep a heap of ten"),
        ("The *Arctic* tern, ~~no~~ yes", "The Arctic tern, no yes"),
        ("> quoted\n> twice", "quoted\ntwice"),
        ("so:\n```python\nimport heapq\n```", "so:\n\nimport heapq\n"),
        ("number only. ```python import heapq", "number only. import heapq"),
        ("see [the page](https://example.org/a_(b)) now", "see the page now"),
        ("a **\x02heap\x03** found", "a \x02heap\x03 found"),
        ("2**10 is 1024, 2 * 3 * 4 is 24", "2**10 is 1024, 2 * 3 * 4 is 24"),
        ("snake_case_name and __init__.py", "snake_case_name and __init__.py"),
        ("it`s cut **in the mid", "it`s cut in the mid"),
        ("the end** of what was bold", "the end of what was bold"),
        ("see [the page](https://example.org/long", "see the page"),
        ("- one\n* two\n  + three\n1. four", "• one\n• two\n  • three\n1. four"),
        ("- [ ] open\n- [x] closed", "☐ open\n☑ closed"),
        ("> ## quoted heading", "quoted heading"),
        ("found in one line. ## Next part", "found in one line. Next part"),
        ("above\n---\nbelow", "above\n\nbelow"),
        ("| a | b |\n|---|:-:|\n| c | d |", "a · b\n\nc · d"),
        ("it is __very important__ and _so_ is this", "it is very important and so is this"),
        ("a | b || c", "a | b || c"),
        ("_private_() and ./_build_/x", "_private_() and ./_build_/x"),
        ("C# and #1", "C# and #1"),
    ],
)
def test_words_stay_and_marks_go(written: str, read: str) -> None:
    assert without_marks(written) == read


@given(st.text("ab *_#>()!\n\x02\x03", max_size=200))
def test_no_letter_is_lost(text: str) -> None:
    kept = [letter for letter in without_marks(text) if letter in "ab\x02\x03"]
    assert kept == [letter for letter in text if letter in "ab\x02\x03"]
