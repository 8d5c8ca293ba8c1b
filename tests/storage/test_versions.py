"""A reply that is asked for again: the old one stays until there is a better one, and both are versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from ticking import Ticking

from sterna.storage import KEPT_REPLY, Invalid, Message, Settled, Store

GOOD = Settled("done", "good", model="acme/small", output_tokens=3)


def answered(store: Store, settled: Settled = GOOD) -> Message:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    return store.live_replies.settle(begun.reply.id, settled)


def again(store: Store, reply: Message, settled: Settled) -> Message:
    return store.live_replies.settle(store.live_replies.begin_retry(reply.id).reply.id, settled)


def counts(store: Store, session_id: str) -> dict[str, int]:
    """Number of versions of each shown reply that has more than one."""
    page = store.messages.before(session_id, None, 20)
    return {id_: version.total for id_, version in store.branches.versions(session_id, page).items()}


def said(store: Store, session_id: str) -> list[str]:
    return [message.content for message in store.messages.before(session_id, None, 20)]


@pytest.mark.parametrize(
    "settled",
    [
        Settled("failed", "", error_message="The server is down."),
        Settled("stopped", ""),
        Settled("interrupted", " "),
        Settled("done", "\n"),
        Settled("failed", "half", error_message="The server hung up."),
        Settled("interrupted", "half"),
    ],
)
def test_a_retry_that_brings_nothing_better_leaves_the_reply_as_it_was(store: Store, settled: Settled) -> None:
    reply = answered(store)
    before = store.messages.before(reply.session_id, None, 9)
    outcome = again(store, reply, settled)
    assert outcome.metadata[KEPT_REPLY] == reply.id
    assert store.messages.before(reply.session_id, None, 9) == before
    # a version that is not shown counts, as every message does that has not failed
    is_counted = settled.finish == "interrupted" and settled.content.strip()
    assert store.conversations.get(reply.session_id).message_count == (3 if is_counted else 2)
    assert store.trash.latest() is None
    assert counts(store, reply.session_id) == ({reply.id: 2} if settled.content.strip() else {})


def test_parts_of_all_compared_replies_come_back_after_a_crash(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    turns = store.live_replies.begin_comparison(None, "hello", models=["acme/a", "acme/b", "acme/c", "acme/d"])
    session_id = turns[0].session.id
    for turn in turns[:3]:
        store.live_replies.save(turn.reply.id, f"part of {turn.reply.model}", "")
    store.live_replies.settle(turns[1].reply.id, GOOD._replace(is_behind=False))
    store.close()
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    assert len(store.live_replies.recover_interrupted()) == 3
    assert said(store, session_id) == ["hello", "good"]
    ids = store.branches.siblings(turns[1].reply.id).ids
    kept = [store.messages.get(id_) for id_ in ids]
    assert [message.content for message in kept] == ["part of acme/a", "good", "part of acme/c"]
    assert [message.finish for message in kept] == ["interrupted", "done", "interrupted"]
    store.close()


def test_the_old_reply_stays_while_the_new_one_arrives_and_after_a_crash(store: Store) -> None:
    reply = answered(store)
    live = store.live_replies.begin_retry(reply.id).reply
    store.live_replies.save(live.id, "bet", "")
    assert said(store, reply.session_id) == ["hello", "good"]
    store.live_replies.settle(live.id, Settled("interrupted", "bet"))
    assert said(store, reply.session_id) == ["hello", "good"]


def test_after_the_undo_of_a_retry_the_deletion_before_it_is_next(store: Store) -> None:
    gone = store.trash.delete_conversation(answered(store).session_id)
    again(store, answered(store), Settled("done", "better"))
    retry = store.trash.latest()
    assert retry is not None
    store.undo.undo(retry.token)
    assert store.trash.latest() == gone


def test_undo_takes_a_retry_back_and_both_texts_stay(store: Store) -> None:
    reply = answered(store)
    better = again(store, reply, Settled("done", "better"))
    assert said(store, reply.session_id) == ["hello", "better"]
    assert counts(store, reply.session_id) == {better.id: 2}
    trashed = store.trash.latest()
    assert trashed is not None
    assert store.undo.undo(trashed.token) == [reply.session_id]
    assert said(store, reply.session_id) == ["hello", "good"]
    assert store.messages.get(reply.id) == reply
    assert counts(store, reply.session_id) == {reply.id: 2}
    assert store.trash.latest() is None


def test_versions_are_walked_through_in_a_ring(store: Store) -> None:
    reply = answered(store)
    session_id = reply.session_id
    for text in ("second", "third"):
        reply = again(store, reply, Settled("stopped" if text == "third" else "done", text))
    seen = []
    for _ in range(6):
        reply = store.branches.switch(reply.id)
        seen.append(reply.content)
        assert said(store, session_id) == ["hello", reply.content]
        assert counts(store, session_id) == {reply.id: 3}
    assert seen == ["good", "second", "third"] * 2


def test_a_reply_with_one_version_says_so(store: Store) -> None:
    with pytest.raises(Invalid, match="one version"):
        store.branches.switch(answered(store).id)


def test_a_failed_reply_without_text_gives_way_to_any(store: Store) -> None:
    reply = answered(store, Settled("failed", "", error_message="down"))
    again(store, reply, Settled("failed", "", error_message="still down"))
    (_, message) = store.messages.before(reply.session_id, None, 9)
    assert message.error_message == "still down"
    assert counts(store, reply.session_id) == {}


def test_a_reply_in_the_middle_and_one_that_names_no_prompt(store: Store) -> None:
    reply = answered(store)
    other = store.live_replies.begin_turn(reply.session_id, "more", model=None)
    store.live_replies.settle(other.reply.id, Settled("done", "MORE"))
    with store.db.write():
        store.db.execute("update chat_messages set user_message_id = null where id = :id", {"id": reply.id})
    again(store, reply, Settled("done", "better"))
    assert said(store, reply.session_id) == ["hello", "better"]
    trashed = store.trash.latest()
    assert trashed is not None
    store.undo.undo(trashed.token)
    assert said(store, reply.session_id) == ["hello", "good", "more", "MORE"]


def test_versions_are_kept_for_as_long_as_their_conversation(store: Store, clock: Ticking) -> None:
    reply = answered(store)
    better = again(store, reply, Settled("done", "better"))
    clock.move(days=400)
    while store.trash.purge():
        pass
    assert store.branches.switch(better.id).content == "good"
    store.trash.delete_conversation(reply.session_id)
    clock.move(days=400)
    while store.trash.purge():
        pass
    assert store.db.rows("select token from trash") == []
    assert store.db.rows("select message_id from hidden_messages") == []
