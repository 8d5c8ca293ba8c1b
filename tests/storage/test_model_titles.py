"""Titles that a model gives: when there is one to give, and what it never replaces."""

from __future__ import annotations

import pytest
from builders import exchange

from sterna.storage import Exchange, Settled, Store


def test_a_conversation_of_one_exchange_may_get_a_title(store: Store) -> None:
    reply = exchange(store, "Where do  terns\ngo?", "South.")
    expected = Exchange("Where do  terns\ngo?", "South.", "Where do terns go?")
    assert store.titles.first_exchange(reply.session_id) == expected
    session = store.titles.replace(reply.session_id, expected.title, " Journeys of\nterns ")
    assert session is not None
    assert session.title == "Journeys of terns"
    assert store.titles.first_exchange(reply.session_id) is None


def test_a_title_by_a_model_replaces_nothing_else(store: Store) -> None:
    session_id = exchange(store, "Where do terns go?").session_id
    store.conversations.rename(session_id, "Mine")
    assert store.titles.first_exchange(session_id) is None
    assert store.titles.replace(session_id, "Where do terns go?", "Terns") is None
    store.conversations.rename(session_id, "Where do terns go?")  # by hand, although in the same words
    assert store.titles.replace(session_id, "Where do terns go?", "Terns") is None
    other = exchange(store, "One").session_id
    exchange(store, "Two", session_id=other)
    assert store.titles.first_exchange(other) is None
    assert store.titles.replace(other, "One", "  ") is None
    assert store.conversations.get(session_id).title == "Where do terns go?"


def test_a_title_by_a_model_is_told_as_an_automatic_one(store: Store) -> None:
    session_id = exchange(store, "Question").session_id
    with store.db.write():
        store.db.execute("delete from sync_outbox")
    store.titles.replace(session_id, "Question", "Better")
    assert [row["id"] for row in store.db.rows("select id from sync_outbox where kind = 'c'")] == [session_id]
    assert store.db.rows("select 1 from sync_session_state where title_class = 1") == []


@pytest.mark.parametrize("finish", ["failed", "stopped"])
def test_a_conversation_whose_reply_brought_nothing_gets_none(store: Store, finish: str) -> None:
    begun = store.live_replies.begin_turn(None, "Where do terns go?", model="acme/small")
    store.live_replies.settle(begun.reply.id, Settled(finish, ""))  # type: ignore[arg-type]
    assert store.titles.first_exchange(begun.session.id) is None
    assert store.conversations.get(begun.session.id).title == "Where do terns go?"
