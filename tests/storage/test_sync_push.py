"""Pushes: what goes, in which order, how much at once, and that what goes is frozen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from builders import exchange, outbox
from fake_server import FakeServer, conversation

from sterna.storage import FenceLost, Inflight, Message, PushBatch, Store


@pytest.fixture
def server(store: Store) -> FakeServer:
    return FakeServer(store)


def test_a_conversation_goes_before_its_messages_even_when_it_was_changed_after_them(
    store: Store, server: FakeServer
) -> None:
    reply = exchange(store, "hello")
    session = reply.session_id
    server.sync()
    store.messages.edit(reply.id, "Other.")
    store.conversations.rename(session, "Later")
    assert server.ops() == [("c", session, "put"), ("m", reply.id, "put")]


def test_what_is_sent_says_all_that_a_server_needs_to_know(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    store.conversations.rename(reply.session_id, "By hand")
    store.conversations.set_setting(reply.session_id, "model", "a/b")
    server.freeze()
    answer = {(one.kind, one.id): one for one in server.sent}
    session = answer["c", reply.session_id]
    assert session.value == {"title": "By hand", "created_at": store.conversations.get(reply.session_id).created_at}
    assert (session.cls, session.base, session.stamp) == (1, 0, None)
    message = answer["m", reply.id]
    assert message.session_id == reply.session_id
    assert message.value is not None
    assert (message.value["content"], message.value["output_tokens"]) == ("Yes.", 5)
    assert answer["s", f"{reply.session_id}/model"].value == {"value": '"a/b"'}


def test_a_try_again_sends_the_same_bytes_and_an_edit_goes_with_the_next(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    first = server.freeze()
    store.messages.edit(reply.id, "Other.")
    assert server.freeze() == first
    server.settle()
    assert server.ops() == [("m", reply.id, "put")]
    assert server.sent[0].value is not None
    assert server.sent[0].value["content"] == "Other."


CHANGES: dict[str, Callable[[Store, Message], object]] = {
    "edit": lambda store, reply: store.messages.edit(reply.id, "Other."),
    "rename": lambda store, reply: store.conversations.rename(reply.session_id, "Later"),
    "delete a message": lambda store, reply: store.trash.delete_message(reply.id),
    "delete the conversation": lambda store, reply: store.trash.delete_conversation(reply.session_id),
    "clear": lambda store, reply: store.trash.clear_all(),
    "make private": lambda store, reply: store.privacy.set_private(reply.session_id, True),
}


@pytest.mark.parametrize("other_process", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_batch_whose_rows_changed_before_it_was_frozen_is_dropped(
    store: Store, server: FakeServer, change: str, other_process: bool
) -> None:
    reply = exchange(store, "hello")
    batch = server.next_batch()
    assert isinstance(batch, PushBatch)
    if other_process:
        with closing(Store.open(store.db.path)) as other:
            CHANGES[change](other, reply)
    else:
        CHANGES[change](store, reply)
    before = store.sync_metadata.state()
    assert store.sync_push.freeze(batch, b"stale", fence=server.fence) is None
    assert (store.sync_push.inflight(), store.sync_metadata.state()) == (None, before)
    assert store.db.one("select 1 from sync_outbox where sent > 0") is None
    assert store.db.one("select 1 from sync_tombstones where server_seq = -1") is None
    later = server.next_batch()
    assert later is None or (isinstance(later, PushBatch) and later.changes != batch.changes)


def test_a_batch_is_frozen_whatever_else_was_written_meanwhile(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    batch = server.next_batch()
    assert isinstance(batch, PushBatch)
    exchange(store, "something else")
    inflight = store.sync_push.freeze(batch, b"bytes", fence=server.fence)
    assert inflight is not None
    assert (inflight.body, len(inflight.items)) == (b"bytes", len(batch.changes))


def test_a_batch_is_frozen_once(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    batch = server.next_batch()
    assert isinstance(batch, PushBatch)
    assert store.sync_push.freeze(batch, b"first", fence=server.fence) is not None
    assert store.sync_push.freeze(batch, b"second", fence=server.fence) is None
    inflight = server.next_batch()
    assert isinstance(inflight, Inflight)
    assert inflight.body == b"first"


def test_nothing_is_sent_twice_once_it_was_taken(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    server.sync()
    assert server.freeze() is None
    assert store.sync_metadata.waiting() == 0


def test_a_push_is_numbered_and_the_number_is_never_used_again(store: Store, server: FakeServer) -> None:
    numbers = []
    for text in ("one", "two", "three"):
        exchange(store, text)
        there = server.freeze()
        assert there is not None
        numbers.append(there.push_seq)
        server.settle()
    assert numbers == [1, 2, 3]


def test_a_push_has_so_many_ops_at_most(store: Store, server: FakeServer) -> None:
    for n in range(4):
        exchange(store, f"hello {n}")
    assert len(server.ops(most_ops=5)) == 5


def test_a_push_is_so_large_at_most_but_never_empty(store: Store, server: FakeServer) -> None:
    exchange(store, "x" * 10_000)
    exchange(store, "y" * 10_000)
    server.freeze(most_bytes=12_000)
    assert sum(len((one.value or {}).get("content", "")) for one in server.sent) <= 12_000
    server.settle()
    assert len(server.ops(most_bytes=10)) == 1


def test_a_clear_travels_alone_after_what_came_before_it_and_before_what_came_after(
    store: Store, server: FakeServer
) -> None:
    exchange(store, "old")
    server.sync()
    server.tell(upto=server.seq)
    store.trash.clear_all()
    new = exchange(store, "new").session_id
    assert server.ops() == [("x", "all", "clear")]
    assert server.sent[0].upto == server.seq
    server.settle()
    assert server.ops()[0] == ("c", new, "put")


def test_deletions_of_conversations_go_last(store: Store, server: FakeServer) -> None:
    gone = exchange(store, "gone").session_id
    server.sync()
    store.trash.delete_conversation(gone)
    new = exchange(store, "new").session_id
    kinds = server.ops()
    assert kinds[0] == ("c", new, "put")
    assert kinds[-1] == ("c", gone, "del")


def test_what_no_longer_is_there_is_not_sent(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    with store.db.write(), store.db.applying():
        store.db.execute("delete from chat_messages where id = ?", (reply.id,))
    assert ("m", reply.id, "put") not in server.ops()
    assert ("m", reply.id, "put") not in outbox(store)


def test_private_conversations_are_not_sent_even_when_something_queues_them(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "secret")
    store.db.execute("insert into sync_private (conv_id) values (?)", (reply.session_id,))
    assert outbox(store)
    assert server.freeze() is None


def test_a_process_that_lost_the_fence_changes_nothing(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    server.freeze()
    store.sync_metadata.acquire_fence()
    for write in (
        server.settle,
        server.freeze,
        lambda: server.tell(conversation("c", 1)),
        lambda: store.sync_pull.apply_extra([], fence=server.fence, now_ms=0),
        lambda: store.acknowledgements.fork("other", server.fence),
        lambda: store.acknowledgements.drop_inflight(server.fence),
        lambda: store.sync_pull.start_resync(server.fence),
        lambda: store.sync_metadata.schedule(1, 1, fence=server.fence),
        lambda: store.acknowledgements.block("c", "c", 1, "x", fence=server.fence),
    ):
        with pytest.raises(FenceLost):
            write()
    assert store.sync_push.inflight() is not None
    assert store.sync_metadata.state().cursor == 0


def test_a_fork_sends_the_same_ops_under_another_name(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    before = server.freeze()
    store.acknowledgements.fork("other", server.fence)
    after = server.freeze()
    assert before is not None
    assert after is not None
    assert (after.replica, after.push_seq, after.items) == ("other", 1, before.items)


def test_a_push_that_was_taken_back_is_cut_smaller(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    server.freeze()
    store.acknowledgements.drop_inflight(server.fence)
    there = server.freeze(most_ops=1)
    assert there is not None
    assert (len(there.items), there.push_seq) == (1, 2)


def test_a_history_has_a_name_of_its_own_from_the_first_fence_on(store: Store) -> None:
    assert store.sync_metadata.state().replica == ""
    store.sync_metadata.acquire_fence()
    name = store.sync_metadata.state().replica
    assert len(name) >= 16
    store.sync_metadata.acquire_fence()
    assert store.sync_metadata.state().replica == name


def test_when_the_next_try_is_due_outlives_the_process(store: Store, server: FakeServer) -> None:
    store.sync_metadata.schedule(123, 4, fence=server.fence)
    state = store.sync_metadata.state()
    assert (state.next_at, state.fails) == (123, 4)


@pytest.mark.parametrize("query", ["WAITING", "CONVERSATION"])
def test_what_waits_is_found_by_indexes_alone(store: Store, query: str) -> None:
    from sterna.storage.sync import push as sync_freeze

    plan = [row["detail"] for row in store.db.rows(f"explain query plan {getattr(sync_freeze, query)}", now=0, id="c")]
    scans = [step for step in plan if step.startswith("SCAN")]
    assert scans in ([], ["SCAN o"], ["SCAN o USING INTEGER PRIMARY KEY"]), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
