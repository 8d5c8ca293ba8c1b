"""Operators of the search: who said it, with which model, when, what else is in it, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from builders import exchange
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import Settled, Store
from sterna.storage.conversations.search_operators import parse_operators

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@pytest.fixture
def told(store: Store) -> Store:
    """Write three exchanges about terns."""
    first = exchange(store, "Where do terns nest?", "In the sand, see https://terns.example")
    store.conversations.rename(first.session_id, "Nests")
    begun = store.live_replies.begin_turn(None, "Count terns in Python", model="acme/claude-3")
    calls = {"tool_calls": [{"name": "python", "at": 0}]}
    store.live_replies.settle(
        begun.reply.id,
        Settled("done", "```python\nlen(terns)\n```", reasoning="Easy.", model="acme/claude-3", metadata=calls),
    )
    store.conversations.rename(begun.session.id, "Counting terns")
    old = exchange(store, "Do terns eat fish?", "Terns do.")
    store.conversations.rename(old.session_id, "Food")
    store.db.execute(
        """update chat_messages set message_timestamp = '2019' || substr(message_timestamp, 5)
        where session_id = :id""",
        {"id": old.session_id},
    )
    return store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("role:user terns", {"Where do", "Count", "Do terns"}),
        ("role:you sand", set()),
        ("role:assistant terns", {"In the sand", "len", "Terns do"}),
        ("-role:user terns", {"In the sand", "len", "Terns do"}),
        ("model:claude terns", {"Count", "len"}),
        ("model:CLAUDE -role:user", {"len"}),
        ("has:code terns", {"len"}),
        ("has:tool", {"len"}),
        ("has:tools", {"len"}),
        ("has:reasoning terns", {"len"}),
        ("has:link", {"In the sand"}),
        ("has:attachment terns", set()),
        ("before:2020 terns", {"Do terns", "Terns do"}),
        ("after:2020 role:user terns", {"Where do", "Count"}),
        ("before:2019-01-01 terns", set()),
        ("terns -sand", {"Where do", "Count", "len", "Do terns", "Terns do", "Counting"}),
        ("terns -san", {"Where do", "Count", "len", "Do terns", "Terns do", "In the sand", "Counting"}),
        ("terns -counting -role:assistant", {"Where do", "Count", "Do terns"}),
        ("in:title terns", {"Counting"}),
        ("in:title -counting terns", set()),
        ("in:title", set()),
    ],
)
def test_operators_narrow_what_is_found(told: Store, text: str, found: set[str]) -> None:
    snippets = [hit.snippet.replace("\x02", "").replace("\x03", "") for hit in told.search.search(text)]
    texts = ["Where do", "In the sand", "Counting", "Count terns in", "len", "Do terns", "Terns do"]
    seen = {each for snippet in snippets for each in texts if each in snippet}
    assert {"Count" if each == "Count terns in" else each for each in seen} == found


def test_operators_work_inside_one_conversation_and_beside_tags(told: Store) -> None:
    session = told.conversations.page(0, 10)[0]
    told.conversations.set_setting(session.id, "tag:birds", True)
    every = {hit.session_id for hit in told.search.search("tag:birds terns")}
    assert every == {session.id}
    assert session.id not in {hit.session_id for hit in told.search.search("-tag:birds terns")}
    hits = told.search.search("role:user terns", session_id=session.id)
    assert {hit.role for hit in hits} == {"user"}


@pytest.mark.parametrize(
    "text",
    ["before:soon terns", "has:wings terns", "role:king terns", "https://terns.example", "a -- b", "-terns", "x-y",
     'not "-sand" quoted', '"role:user"', "before:2019-13-45 x"],
)  # fmt: skip
def test_what_means_nothing_as_an_operator_is_text(text: str) -> None:
    operators = parse_operators(text, NOW)
    assert operators.rest == text
    assert not operators.messages.sql
    assert not operators.without


@pytest.mark.parametrize("text", ["terns has:", "terns before:", "terns role:", "terns mod:", "terns -has:"])
def test_an_operator_that_is_still_being_typed_says_nothing_yet(text: str) -> None:
    assert parse_operators(text, NOW).rest in ("terns", text)


@pytest.mark.parametrize(
    ("text", "day"), [("after:2025", "2025-01-01"), ("after:2025-3", "2025-03-01"), ("after:7d", "2026-03-07")]
)
def test_dates_are_days_of_the_local_zone(text: str, day: str) -> None:
    (moment,) = parse_operators(text, NOW).messages.values.values()
    assert datetime.fromisoformat(moment).astimezone().date().isoformat() == day


@given(st.text(st.sampled_from('abc -:"#rolehas0123456789beforein \n\x00'), max_size=40))
def test_any_text_is_a_query(text: str) -> None:
    operators = parse_operators(text, NOW)
    assert isinstance(operators.rest, str)


def test_what_was_imported_stands_by_its_own_time(told: Store) -> None:
    told.conversations.set_setting(told.search.search("in:title food")[0].session_id, "source", "chatgpt")
    newest = exchange(told, "More terns?", "Plenty.")
    for text in ("terns ", "tern", "terns"):
        found = [hit for hit in told.search.search(text) if hit.message_id]
        assert [hit.at for hit in found] == sorted((hit.at for hit in found), reverse=True)
        assert found[0].session_id == newest.session_id
        assert found[-1].at.startswith("2019")
        assert len(found) == 7
