"""The list of conversations, their titles and their settings."""

from __future__ import annotations

import pytest
from builders import acknowledge, exchange, in_memory
from hypothesis import given
from hypothesis import strategies as st
from ticking import Ticking

from sterna.storage import Invalid, NotFound, Settled, Store
from sterna.storage.records import Finish
from sterna.storage.specification.functions import SpecifiedFunctions
from tests.generated import examples


def titles(store: Store, offset: int = 0, limit: int = 50, text: str = "") -> list[str]:
    return [row.title for row in store.conversations.page(offset, limit, text)]


def named(store: Store, *names: str) -> list[str]:
    return [store.conversations.create(name).id for name in names]


def test_the_newest_conversation_is_on_top_and_a_message_brings_an_old_one_up(store: Store) -> None:
    first, _, _ = named(store, "one", "two", "three")
    assert titles(store) == ["three", "two", "one"]
    exchange(store, "hello", session_id=first)
    assert titles(store) == ["one", "three", "two"]
    assert titles(store, 1, 1) == ["three"]


def test_a_page_at_any_place_and_the_place_of_any_conversation_agree(store: Store) -> None:
    ids = named(store, *(f"title {n % 7} é" for n in range(60)))
    for text in ("", "title 3", "E 3", "É"):
        shown = store.conversations.page(0, 100, text)
        assert len(shown) == store.conversations.count(text)
        assert [row.id for at in range(0, 100, 7) for row in store.conversations.page(at, 7, text)] == [
            row.id for row in shown
        ]
        for place, row in enumerate(shown):
            assert store.conversations.position(row.id, text) == place
    assert store.conversations.position(ids[0], "nothing like it") is None
    assert store.conversations.position("no such") is None


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "a'b", '"', "\0", "\ud800", "🚀", "x" * 1000])
def test_any_text_may_be_typed_into_the_filter(store: Store, text: str) -> None:
    named(store, "100% of a'b_c", "rocket 🚀", "plain")
    assert (
        store.conversations.count(text)
        == len(store.conversations.page(0, 9, text))
        == sum(
            bool(text.strip("\0")) and text.replace("\ud800", "\ufffd") in title
            for title in ("100% of a'b_c", "rocket 🚀", "plain")
        )
        + (3 if text == "\0" else 0)
    )


def test_the_filter_sees_titles_and_previews_whatever_their_case(store: Store) -> None:
    first, second = named(store, "Über Züge", "other")
    exchange(store, "x", "Der ICE ist SCHNELL", session_id=second)
    assert [row.id for row in store.conversations.page(0, 9, "über zü")] == [first]
    assert [row.id for row in store.conversations.page(0, 9, "schnell")] == [second]


def test_no_place_in_the_list_makes_sqlite_read_the_conversations_before_it(store: Store) -> None:
    (step,) = store.db.rows(
        """explain query plan select local_id from chat_sessions
        order by coalesce(last_message_timestamp, created_at) desc, id desc limit 50 offset 99900"""
    )
    assert "INDEX chat_sessions_newest" in step["detail"]  # a step more would sort
    for query in (
        "select count(*) from chat_sessions where coalesce(last_message_timestamp, created_at) >= 'x'",
        "select count(*) from chat_sessions where coalesce(last_message_timestamp, created_at) = 'x' and id > 'y'",
    ):
        (step,) = store.db.rows(f"explain query plan {query}")
        assert "chat_sessions_newest (<expr>" in step["detail"]


def test_day_headings_count_the_conversations_at_or_after_each_bound(store: Store, clock: Ticking) -> None:
    for days, names in ((0, 2), (1, 3), (40, 1)):
        clock.move(days=days)
        named(store, *("x" * names))
    times = [row.at for row in store.conversations.page(0, 9)]
    bounds = [times[0], times[3], times[5], "", "9"]
    assert store.conversations.groups(bounds) == [1, 4, 6, 6, 6]
    assert store.conversations.groups([]) == []


def test_a_line_says_what_its_conversation_is_doing(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    (row,) = store.conversations.page(0, 9)
    assert (row.live, row.unread, row.failed, row.unsynced, row.model) == (True, False, False, True, "acme/small")
    store.live_replies.settle(begun.reply.id, Settled("failed", "", error_message="No route to host."))
    (row,) = store.conversations.page(0, 9)
    assert (row.live, row.unread, row.failed, row.preview) == (False, True, True, "hello")
    exchange(store, "again", session_id=row.id)
    store.conversations.mark_read(row.id)
    acknowledge(store)
    (row,) = store.conversations.page(0, 9)
    assert (row.live, row.unread, row.failed, row.unsynced, row.preview) == (False, False, False, False, "Yes.")


def test_reading_what_is_read_already_tells_nobody(store: Store) -> None:
    heard: list[object] = []
    reply = exchange(store, "hello")
    store.db.on_commit = heard.append
    store.conversations.mark_read(reply.session_id)
    store.conversations.mark_read(reply.session_id)
    assert len(heard) == 1


# Titles


def test_the_first_exchange_names_the_conversation(store: Store) -> None:
    reply = exchange(store, "  How do I sort\na list of four thousand strange names by length? ")
    assert store.conversations.get(reply.session_id).title == (
        "How do I sort a list of four thousand strange names by length?"
    )
    exchange(store, "And now?", session_id=reply.session_id)
    assert store.conversations.get(reply.session_id).title.startswith("How do I sort")


@pytest.mark.parametrize("finish", ["failed", "stopped", "interrupted"])
def test_a_conversation_without_a_reply_is_named_after_its_question(store: Store, finish: Finish) -> None:
    begun = store.live_replies.begin_turn(None, "first\nline", model=None)
    assert store.conversations.page(0, 1)[0].untitled
    store.live_replies.settle(begun.reply.id, Settled(finish, ""))
    assert store.conversations.get(begun.session.id).title == "first line"
    assert not store.conversations.page(0, 1)[0].untitled
    exchange(store, "second", session_id=begun.session.id)
    assert store.conversations.get(begun.session.id).title == "first line"


def test_a_title_made_from_a_question_is_as_long_as_titles_may_be(store: Store) -> None:
    reply = exchange(store, "word " * 100)
    title = store.conversations.get(reply.session_id).title
    assert len(title) == 255
    assert title.endswith("word…")


def test_a_stop_by_the_person_is_no_failure_in_the_list(store: Store) -> None:
    for finish, failed in (("stopped", False), ("failed", True), ("interrupted", True)):
        begun = store.live_replies.begin_turn(None, finish, model=None)
        store.live_replies.settle(begun.reply.id, Settled(finish, "", error_message=None))  # type: ignore[arg-type]
        assert store.conversations.page(0, 1)[0].failed is failed, finish


def test_the_list_knows_drafts_and_private_conversations(store: Store) -> None:
    session = store.conversations.create("Mine")
    row = store.conversations.page(0, 1)[0]
    assert (row.draft, row.private) == (False, False)
    store.drafts.save(session.id, "half a thought")
    store.privacy.set_private(session.id, True)
    row = store.conversations.page(0, 1)[0]
    assert (row.draft, row.private) == (True, True)
    store.drafts.save(session.id, "")
    store.privacy.set_private(session.id, False)
    row = store.conversations.page(0, 1)[0]
    assert (row.draft, row.private) == (False, False)


@pytest.mark.parametrize("title", ["Mine", "New Chat"])
def test_a_title_given_by_hand_is_never_replaced(store: Store, title: str) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    store.conversations.rename(begun.session.id, title)
    store.live_replies.settle(begun.reply.id, Settled("done", "Yes."))
    assert store.conversations.title_from_exchange(begun.session.id) is None
    assert store.conversations.get(begun.session.id).title == title


def test_a_reply_costs_the_same_in_a_long_conversation() -> None:
    costs = []
    for length in (20, 2000):
        store = in_memory()
        messages = [{"id": f"m{n}", "role": "assistant" if n % 2 else "user", "content": "x"} for n in range(length)]
        store.bulk_import.import_conversations([{"id": "s", "title": "Long", "messages": messages}])
        begun = store.live_replies.begin_turn("s", "hello", model=None)
        steps = iter(range(10**9))
        store.db.connection.set_progress_handler(lambda steps=steps: next(steps) < 0, 1)
        store.live_replies.settle(begun.reply.id, Settled("done", "Yes."))
        store.db.connection.set_progress_handler(None, 0)
        costs.append(next(steps))
        store.close()
    assert costs[1] == pytest.approx(costs[0], rel=0.05)


def test_a_title_is_one_line_of_at_most_255_characters(store: Store) -> None:
    session = store.conversations.create()
    assert store.conversations.rename(session.id, " a\n b\0 [/x] ").title == "a b [/x]"
    assert store.conversations.rename(session.id, "é" * 255).title == "é" * 255
    with pytest.raises(Invalid, match="at most 255 characters; this one has 256"):
        store.conversations.rename(session.id, "x" * 256)
    with pytest.raises(Invalid, match="A title cannot be empty"):
        store.conversations.rename(session.id, " \n")
    with pytest.raises(NotFound, match="not here any more"):
        store.conversations.rename("gone", "x")


# Settings


def test_settings_of_a_conversation_are_values_of_their_own(store: Store) -> None:
    session = store.conversations.create()
    store.conversations.set_setting(session.id, "model", "acme/large")
    store.conversations.set_setting(session.id, "temperature", 0.2)
    store.conversations.set_setting(session.id, "system_prompt", "Be brief.\0")
    store.conversations.set_setting(session.id, "temperature", None)
    assert store.conversations.settings(session.id) == {"model": "acme/large", "system_prompt": "Be brief."}
    with pytest.raises(NotFound):
        store.conversations.set_setting("gone", "model", "x")


# Functions of the described system


def test_recent_sessions_are_those_that_changed_last_within_bounds(store: Store) -> None:
    first, second = named(store, "one", "two")
    store.conversations.rename(first, "uno")
    assert [row["id"] for row in SpecifiedFunctions(store).get_user_recent_sessions(store.user_id)] == [first, second]
    assert SpecifiedFunctions(store).get_user_recent_sessions(store.user_id, -1) == []
    assert len(SpecifiedFunctions(store).get_user_recent_sessions(store.user_id, None)) == 2
    assert SpecifiedFunctions(store).get_user_recent_sessions("stranger") == []


def test_a_session_with_its_messages_is_for_its_owner_only(store: Store) -> None:
    empty = store.conversations.create("Empty")
    (row,) = SpecifiedFunctions(store).get_session_with_messages(empty.id, store.user_id)
    assert (row["session_title"], row["message_id"]) == ("Empty", None)
    reply = exchange(store, "hello")
    rows = SpecifiedFunctions(store).get_session_with_messages(reply.session_id, store.user_id)
    assert [(row["message_role"], row["message_tokens"]) for row in rows] == [("user", 0), ("assistant", 8)]
    with pytest.raises(NotFound, match="Session not found or access denied"):
        SpecifiedFunctions(store).get_session_with_messages(reply.session_id, "stranger")


@examples(25)
@given(st.lists(st.sampled_from(["new", "talk", "rename"]), max_size=12), st.integers(1, 5))
def test_walking_the_list_page_by_page_shows_every_conversation_once(steps: list[str], size: int) -> None:
    store = in_memory()
    for number, step in enumerate(steps):
        ids = [row.id for row in store.conversations.page(0, 100)]
        if step == "new" or not ids:
            store.conversations.create(f"c{number}")
        elif step == "talk":
            exchange(store, "x", session_id=ids[-1])
        else:
            store.conversations.rename(ids[0], f"r{number}")
    walked = [row.id for at in range(0, 100, size) for row in store.conversations.page(at, size)]
    assert len(walked) == len(set(walked)) == store.conversations.count()
    store.close()
