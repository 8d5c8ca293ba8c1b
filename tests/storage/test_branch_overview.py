"""The list of branches, and the undo of a fork."""

from __future__ import annotations

from builders import exchange
from test_branches import edited, said, talk

from sterna.storage import Branch, Settled, Store


def test_branches_are_listed_by_their_last_prompt_the_newest_first(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    exchange(store, "d", "D", session_id=a.session_id)
    edited(store, a, "z" * 500)

    def listed() -> list[tuple[str, int, bool]]:
        return [(branch.prompt, branch.messages, branch.is_shown) for branch in store.branch_overview.of(a.session_id)]

    assert listed() == [("z" * 300, 2, True), ("d", 6, False), ("b", 4, False)]
    store.branches.show(b.id)
    assert listed() == [("z" * 300, 2, False), ("d", 6, False), ("b", 4, True)]
    assert [branch.end for branch in store.branch_overview.of(a.session_id)] == [
        message.id for message in store.branches.ends(a.session_id)
    ]


def test_a_conversation_without_messages_has_no_branches_and_one_with_a_reply_alone_has_one(store: Store) -> None:
    empty = store.conversations.create()
    assert store.branch_overview.of(empty.id) == []
    prompt, reply = talk(store, "a")
    store.trash.delete_message(prompt.id)
    only = Branch(reply.id, reply.message_timestamp, "", 1, True, "acme/small")
    assert store.branch_overview.of(reply.session_id) == [only]


def test_undo_removes_a_fork_and_then_undoes_what_was_done_before_it(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    (gone,) = talk(store, "x")[:1]
    store.trash.delete_conversation(gone.session_id)
    fork = store.branch_changes.fork(b.id)
    assert said(store, fork.id) == ["a", "A", "b"]

    latest = store.trash.latest()
    assert latest is not None
    assert store.undo.undo(latest.token) == [a.session_id]
    assert {row.id for row in store.conversations.page(0, 9)} == {a.session_id}

    latest = store.trash.latest()
    assert latest is not None
    assert store.undo.undo(latest.token) == [gone.session_id]
    assert store.trash.latest() is None
    while store.trash.purge():
        pass
    assert said(store, a.session_id) == ["a", "A", "b", "B"]


def test_a_fork_with_another_reply_goes_to_the_trash_and_one_that_goes_on_stays(store: Store) -> None:
    a, reply = talk(store, "a")
    fork = store.branch_changes.fork(reply.id)
    turn = store.live_replies.begin_retry(store.messages.before(fork.id, None, 1)[0].id)
    store.live_replies.settle(turn.reply.id, Settled("failed", "half a reply"))
    for expected in ([a.session_id], [fork.id]):
        latest = store.trash.latest()
        assert latest is not None
        assert store.undo.undo(latest.token) == expected
    assert said(store, fork.id) == ["a", "A"]

    other = store.branch_changes.fork(a.id)
    exchange(store, "more", "MORE", session_id=other.id)
    assert store.trash.latest() is None


def test_a_deleted_fork_is_restored_before_it_is_undone(store: Store) -> None:
    a, *_ = talk(store, "a")
    fork = store.branch_changes.fork(a.id)
    store.trash.delete_conversation(fork.id)
    for expected in ([fork.id], [a.session_id]):
        latest = store.trash.latest()
        assert latest is not None
        assert store.undo.undo(latest.token) == expected
    assert store.trash.latest() is None


def test_a_fork_of_a_conversation_without_a_title_is_named_after_its_first_prompt(store: Store) -> None:
    turn = store.live_replies.begin_turn(None, "a question", model=None)
    assert store.conversations.is_untitled(turn.session.id)
    assert store.branch_changes.fork(turn.user_message.id).title == "a question (fork)"
