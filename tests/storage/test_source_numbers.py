"""Numbers of sources in the text of a reply."""

from __future__ import annotations

from typing import Any

import pytest
from builders import exchange
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import Settled, Store
from sterna.storage.conversations.citations import numbered, sources
from sterna.storage.conversations.tool_calls import tool_calls, with_tool_calls

A, B = "https://a.example/x", "https://b.example/?q=<a b>)"
CITED: dict[str, Any] = {"citations": [{"url": A, "title": "A", "at": [11, 16]}, {"url": B, "at": [16]}]}


def test_numbers_stand_behind_what_they_refer_to() -> None:
    assert numbered("Terns dive. Yes.", CITED, is_linked=False)[0] == "Terns dive.[1] Yes.[1][2]"
    linked = f"Terns dive.[[1]](<{A}>) Yes.[[1]](<{A}>)[[2]](<https://b.example/?q=%3Ca%20b%3E)>)"
    assert numbered("Terns dive. Yes.", CITED)[0] == linked


@pytest.mark.parametrize("text", ["```\nterns dive\n", "is `terns dive", "~~~\nterns dive\n"])
def test_code_has_no_numbers(text: str) -> None:
    metadata = {"citations": [{"url": A, "at": [len(text)]}]}
    assert numbered(text, metadata)[0] == text


def test_tool_calls_stay_where_they_are_in_the_text() -> None:
    metadata = CITED | {"tool_calls": [{"name": "read", "at": 11}, {"name": "list", "at": 12}]}
    content, calls = numbered("Terns dive. Yes.", metadata, tool_calls(metadata), is_linked=False)
    parts = with_tool_calls(content, calls)
    assert [part if isinstance(part, str) else part.name for part in parts] == [
        "Terns dive.[1]", "read", " ", "list", "Yes.[1][2]",
    ]  # fmt: skip


def test_the_rest_of_a_reply_that_was_continued_keeps_its_places(store: Store) -> None:
    reply = exchange(store, "hello")
    store.db.execute("update chat_messages set content = 'Half', metadata = :m where id = :id", {
        "m": '{"finish": "stopped", "citations": [{"url": "https://a.example/x", "at": [4]}]}', "id": reply.id,
    })  # fmt: skip
    begun = store.live_replies.begin_continue(reply.id)
    rest = {"citations": [{"url": A, "title": "A", "at": [3]}, {"url": B, "at": [6]}]}
    whole = store.live_replies.settle(begun.reply.id, Settled("done", " whole", metadata=rest))
    assert [(source.title, source.places) for source in sources(whole.metadata)] == [("A", (4, 7)), ("", (10,))]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "title", "at"]), inner),
    max_leaves=8,
)


@given(st.text(max_size=20), st.dictionaries(st.just("citations"), ODD))
def test_any_metadata_is_taken(content: str, metadata: dict[str, Any]) -> None:
    assert numbered(content, metadata)[0].startswith(content[:1])
