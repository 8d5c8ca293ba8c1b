"""Notes on an incomplete reply, whatever another device has put into its metadata."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage.conversations.reply_notes import reply_details, reply_notes, reply_sources


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({}, ()),
        ({"finish_reason": "stop", "kind": "x"}, ()),
        ({"finish_reason": "length"}, ("length limit. Send “continue”",)),
        ({"finish_reason": "content_filter"}, ("content filter",)),
        ({"finish_reason": "tool_calls"}, ("asked for a tool",)),
        ({"finish_reason": "gone fishing"}, ("gone fishing",)),
        ({"left_out": 1}, ("1 earlier message was left out",)),
        ({"left_out": 1200}, ("1,200 earlier messages were left out",)),
        ({"left_out": 0}, ()),
        ({"without": ["temperature", "max_tokens"]}, ("without temperature and max_tokens",)),
        ({"finish_reason": "length", "left_out": 2}, ("length limit", "2 earlier messages")),
    ],
)
def test_what_is_missing_is_said(metadata: dict[str, Any], says: tuple[str, ...]) -> None:
    notes = reply_notes(metadata)
    assert len(notes) == len(says)
    assert all(words in note for words, note in zip(says, notes, strict=True))
    assert reply_details(metadata).get("notes", []) == list(notes)


def test_sources_are_named() -> None:
    rows = [{"url": "https://a.example", "title": "A"}, {"url": "https://b.example"}, {"title": "x"}, 5, None]
    assert reply_sources({"citations": rows}) == (("A", "https://a.example"), ("", "https://b.example"))


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "title"]), inner, max_size=2),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["finish_reason", "left_out", "without", "citations", "cost"]), ODD))
def test_any_metadata_is_taken(metadata: dict[str, Any]) -> None:
    reply_notes(metadata), reply_sources(metadata), reply_details(metadata)
