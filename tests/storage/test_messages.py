"""Messages page by page, and what of them a model is given."""

from __future__ import annotations

import pytest
from builders import exchange, in_memory
from hypothesis import given
from hypothesis import strategies as st
from ticking import Ticking

from sterna.storage import Invalid, Message, NotFound, Settled, Store
from tests.generated import examples


def say(store: Store, session_id: str, key: tuple[int, str]) -> None:
    """A message at that minute with that id."""
    store.db.execute(
        """insert into chat_messages (id, session_id, role, content, message_timestamp)
        values (:id, :session, 'user', :id, printf('2026-03-01T12:%02d:00.000000Z', :minute))""",
        {"id": key[1], "session": session_id, "minute": key[0]},
    )


@examples(20)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.text("abc", min_size=1, max_size=3)), unique_by=lambda key: key[1], max_size=25
    ),
    st.integers(1, 7),
    st.data(),
)
def test_pages_by_key_walk_the_whole_conversation_once_in_order(
    keys: list[tuple[int, str]], size: int, data: st.DataObject
) -> None:
    store = in_memory()
    store.conversations.create("other")
    session = store.conversations.create("one").id
    for key in keys:
        say(store, session, key)
    expected = [id_ for _, id_ in sorted(keys)]

    forward: list[Message] = []
    while page := store.messages.after(session, forward[-1].key if forward else None, size):
        forward += page
    backward: list[Message] = []
    while page := store.messages.before(session, backward[0].key if backward else None, size):
        backward = page + backward
    assert [m.id for m in forward] == [m.id for m in backward] == expected
    assert store.messages.count(session) == len(expected)

    if expected:
        middle = data.draw(st.sampled_from(expected))
        around = [m.id for m in store.messages.around(session, middle, size)]
        place = expected.index(middle)
        start = expected.index(around[0])
        assert around == expected[start : start + min(size, len(expected))]
        assert start <= place < start + len(around)
    store.close()


def test_a_page_needs_no_sorting_however_long_the_conversation(store: Store) -> None:
    from sterna.storage.conversations.messages import _AFTER, _BEFORE

    for query in (_BEFORE, _AFTER):
        values = {"session": "s", "ts": "", "id": "", "limit": 40}
        plan = [row["detail"] for row in store.db.execute(f"explain query plan {query}", values)]
        assert len(plan) == 3
        assert plan[0].startswith("SEARCH chat_messages USING INDEX idx_chat_messages_session_timestamp")
        assert plan[2].startswith("SEARCH h USING PRIMARY KEY (session_id=? AND message_id=?)")


def test_a_clock_that_goes_back_never_reorders_a_conversation(store: Store, clock: Ticking) -> None:
    first = exchange(store, "one")
    clock.move(days=-400)
    exchange(store, "two", session_id=first.session_id)
    clock.move(days=800)
    exchange(store, "three", session_id=first.session_id)
    said = store.messages.before(first.session_id, None, 10)
    assert [m.content for m in said if m.role == "user"] == ["one", "two", "three"]
    assert [m.role for m in said] == ["user", "assistant"] * 3


def test_what_is_not_there_says_so(store: Store) -> None:
    reply = exchange(store, "hello")
    for ask in (
        lambda: store.messages.get("gone"),
        lambda: store.messages.around("elsewhere", reply.id, 5),
        lambda: store.messages.edit("gone", "x"),
        lambda: store.conversations.get("gone"),
    ):
        with pytest.raises(NotFound, match="not here any more"):
            ask()
    assert store.messages.before("gone", None, 5) == []


def test_an_edit_changes_the_text_the_preview_and_what_is_found(store: Store) -> None:
    reply = exchange(store, "hello", "lighthouse")
    store.messages.edit(reply.id, "windmill\0")
    assert store.messages.get(reply.id).content == "windmill"
    assert store.conversations.get(reply.session_id).last_message_preview == "windmill"
    assert store.search.search("lighthouse") == []
    assert [hit.message_id for hit in store.search.search("windmill")] == [reply.id]
    with pytest.raises(Invalid, match="needs some text"):
        store.messages.edit(reply.user_message_id or "", "  ")


def asked(store: Store, session_id: str, budget: int = 10_000) -> list[str]:
    newest = store.messages.before(session_id, None, 1)[0]
    return [m.content for m in store.messages.context(session_id, budget, newest.key)[0]]


def test_a_model_is_given_the_newest_that_fits_and_always_the_prompt(store: Store) -> None:
    session = exchange(store, "a" * 10, "b" * 10).session_id
    begun = store.live_replies.begin_turn(session, "c" * 10, model=None)
    assert asked(store, session) == ["c" * 10, "b" * 10, "a" * 10]
    assert asked(store, session, 25) == ["c" * 10, "b" * 10]
    assert asked(store, session, 3) == ["c" * 10]
    store.live_replies.settle(begun.reply.id, Settled("done", "later"))
    assert store.messages.context(session, 99, begun.user_message.key)[0][0].content == "c" * 10


def test_a_model_is_given_the_part_of_a_reply_that_broke_off(store: Store) -> None:
    session = exchange(store, "one", "ONE").session_id
    begun = store.live_replies.begin_turn(session, "two", model=None)
    store.live_replies.settle(begun.reply.id, Settled("failed", "half a", error_message="cut off"))
    store.live_replies.begin_turn(session, "three", model=None)
    assert asked(store, session) == ["three", "half a", "two", "ONE", "one"]


def test_a_model_is_not_given_turns_that_failed(store: Store) -> None:
    session = exchange(store, "one", "ONE").session_id
    failed = store.live_replies.begin_turn(session, "two", model=None)
    reply = store.live_replies.settle(failed.reply.id, Settled("failed", "", "half a thought", error_message="cut off"))
    again = store.live_replies.begin_turn(session, "three", model=None)
    assert asked(store, session) == ["three", "ONE", "one"]
    store.live_replies.settle(again.reply.id, Settled("stopped", "THR"))
    retried = store.live_replies.begin_retry(reply.id)
    assert [m.content for m in store.messages.context(session, 999, retried.user_message.key)[0]] == [
        "two",
        "ONE",
        "one",
    ]
    store.live_replies.settle(retried.reply.id, Settled("interrupted", "TW"))
    assert asked(store, session) == ["TW", "two", "ONE", "one"]
    store.branches.show(again.user_message.id)
    assert asked(store, session) == ["THR", "three", "two", "ONE", "one"]


def test_a_context_of_many_pages_is_read_to_its_end(store: Store) -> None:
    session = store.conversations.create("long").id
    for minute in range(60):
        say(store, session, (minute, f"m{minute:02}"))
    assert asked(store, session) == [f"m{minute:02}" for minute in reversed(range(60))]
