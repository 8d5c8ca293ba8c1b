"""Answers to pushes: each op's fate, in one transaction."""

from __future__ import annotations

import pytest
from builders import SYNC, exchange, outbox, table, tables
from fake_server import FakeServer, conversation, message, setting

from sterna.storage import NotInFlight, OpResult, Store
from sterna.storage.sync.ack_results import HOUR_MS


@pytest.fixture
def server(store: Store) -> FakeServer:
    return FakeServer(store)


def test_what_was_taken_is_known_as_the_servers(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    assert outbox(store) == set()
    (state,) = table(store, "sync_session_state")
    assert state["server_seq"] == state["created_seq"] == 1
    assert {row["server_seq"] for row in table(store, "sync_message_state")} == {2, 3}
    store.messages.edit(reply.id, "Other.")
    server.freeze()
    assert server.sent[0].base == 3


def test_an_edit_made_meanwhile_is_kept_and_has_seen_what_was_taken(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.freeze()
    store.messages.edit(reply.id, "Other.")
    store.conversations.rename(reply.session_id, "By hand")
    server.settle()
    assert outbox(store) == {("m", reply.id, "put"), ("c", reply.session_id, "put")}
    server.freeze()
    assert {(one.kind, one.base) for one in server.sent} == {("c", 1), ("m", 3)}
    assert server.sent[0].cls == 1


def test_a_value_that_lost_is_filed_once_and_the_winner_is_here(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Mine.")
    store.conversations.rename(reply.session_id, "My title")
    server.freeze()
    won = {
        reply.id: message(reply.id, reply.session_id, 20, "Theirs.", role="assistant"),
        reply.session_id: conversation(reply.session_id, 21, "Their title", cls=1),
    }
    server.settle(**{one.id: server.answer(one, "lost", won[one.id]) for one in server.sent})
    assert store.messages.get(reply.id).content == "Theirs."
    assert store.conversations.get(reply.session_id).title == "Their title"
    assert {(one.kind, one.mine, one.theirs) for one in store.conflicts.list_open()} == {
        ("m", "Mine.", "Theirs."),
        ("c", "My title", "Their title"),
    }
    assert outbox(store) == set()
    store.messages.edit(reply.id, "Mine.")
    server.freeze()
    assert server.sent[0].base == 20
    server.settle(**{reply.id: server.answer(server.sent[0], "lost", won[reply.id])})
    assert len(store.conflicts.list_open()) == 2


def test_an_automatic_title_that_lost_is_not_worth_a_word(store: Store, server: FakeServer) -> None:
    session = exchange(store, "hello").session_id
    server.freeze()
    response = {session: server.answer(server.sent[0], "lost", conversation(session, 5, "By hand", cls=1))}
    server.settle(**response)
    assert store.conversations.get(session).title == "By hand"
    assert store.conflicts.list_open() == []


def test_a_value_that_lost_and_was_written_over_meanwhile_does_not_move_the_base(
    store: Store, server: FakeServer
) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Mine.")
    server.freeze()
    base = server.sent[0].base
    store.messages.edit(reply.id, "Mine again.")
    server.settle(
        **{reply.id: server.answer(server.sent[0], "lost", message(reply.id, reply.session_id, 20, "Theirs."))}
    )
    assert store.messages.get(reply.id).content == "Mine again."
    server.freeze()
    assert (server.sent[0].base, server.sent[0].rev) == (base, 2)


def test_a_setting_that_lost_gives_way_and_only_a_written_one_is_filed(store: Store, server: FakeServer) -> None:
    session = exchange(store, "hello").session_id
    server.sync()
    store.conversations.set_setting(session, "model", "mine")
    store.conversations.set_setting(session, "system_prompt", "Be kind.")
    server.freeze()
    server.settle(
        **{
            f"{session}/model": server.answer(server.sent[0], "lost", setting(session, "model", 30, "theirs")),
            f"{session}/system_prompt": server.answer(
                server.sent[1], "lost", setting(session, "system_prompt", 31, None)
            ),
        }
    )
    assert store.conversations.settings(session) == {"model": "theirs"}
    assert [one.mine for one in store.conflicts.list_open()] == ["Be kind."]


def test_words_of_a_conversation_that_died_elsewhere_are_recovered(store: Store, server: FakeServer) -> None:
    session = exchange(store, "acked").session_id
    server.sync()
    reply = exchange(store, "unsent", session_id=session)
    store.conversations.rename(session, "Gone")
    server.freeze()
    deleted = conversation(session, 9, deleted=True)
    server.settle(**{session: server.answer(server.sent[0], "deleted", deleted),
                  **{one.id: server.answer(one, "deleted") for one in server.sent[1:]}})  # fmt: skip
    (row,) = store.conversations.page(0, 9)
    assert row.title == "Recovered: Gone"
    assert [one.content for one in store.messages.before(row.id, None, 9)] == ["unsent", "Yes."]
    assert store.sync_metadata.is_private(row.id)
    assert outbox(store) == set()
    assert reply.content == "Yes."


def test_a_message_of_a_dead_conversation_waits_for_the_row_that_says_so(store: Store, server: FakeServer) -> None:
    session = exchange(store, "acked").session_id
    server.sync()
    exchange(store, "unsent", session_id=session)
    server.freeze()
    server.settle(**{one.id: server.answer(one, "deleted") for one in server.sent})
    assert len(outbox(store)) == 2
    server.tell(conversation(session, 9, deleted=True))
    assert [row.title for row in store.conversations.page(0, 9)] == ["Recovered: acked"]


def test_an_edit_of_a_message_that_died_elsewhere_goes_to_the_log(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Edited.")
    server.freeze()
    deleted = message(reply.id, reply.session_id, 9, deleted=True)
    server.settle(**{reply.id: server.answer(server.sent[0], "deleted", deleted)})
    assert [one.mine for one in store.conflicts.list_open()] == ["Edited."]
    assert store.messages.count(reply.session_id) == 1


def test_a_message_that_never_got_there_is_recovered_from_one_that_died_under_its_id(
    store: Store, server: FakeServer
) -> None:
    session = exchange(store, "hello").session_id
    server.sync()
    reply = exchange(store, "unsent", session_id=session)
    server.freeze()
    server.settle(**{reply.id: server.answer(server.sent[1], "deleted", message(reply.id, session, 9, deleted=True))})
    recovered = next(row for row in store.conversations.page(0, 9) if row.title.startswith("Recovered"))
    assert [one.content for one in store.messages.before(recovered.id, None, 9)] == ["Yes."]


def test_a_deletion_of_what_is_dead_already_is_done(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.trash.delete_message(reply.id)
    server.freeze()
    server.settle(
        **{reply.id: server.answer(server.sent[0], "deleted", message(reply.id, reply.session_id, 9, deleted=True))}
    )
    assert outbox(store) == set()


def test_what_is_said_twice_in_one_push_waits_for_the_next(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Edited.")
    server.freeze()
    server.settle(**{reply.id: server.answer(server.sent[0], "rejected", code="twice")})
    assert store.acknowledgements.rejected() == []
    assert server.ops() == [("m", reply.id, "put")]


def test_a_conversation_that_the_server_does_not_know_goes_before_its_messages(
    store: Store, server: FakeServer
) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Edited.")
    server.freeze()
    server.settle(**{reply.id: "conv_missing"})
    assert server.ops() == [("c", reply.session_id, "put"), ("m", reply.id, "put")]


def test_a_refused_op_waits_an_hour_then_six_then_a_day_and_then_for_a_hand(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Edited.")
    for hours in (1, 6, 24):
        server.freeze()
        server.settle(**{reply.id: server.answer(server.sent[0], "rejected", code="bad_content")})
        (held,) = store.acknowledgements.rejected()
        assert (held.code, held.next_at) == ("bad_content", server.now_ms + hours * HOUR_MS)
        assert server.freeze() is None
        server.now_ms += hours * HOUR_MS
    server.freeze()
    server.settle(**{reply.id: server.answer(server.sent[0], "rejected", code="bad_content")})
    server.now_ms += 1000 * HOUR_MS
    assert server.freeze() is None
    assert store.acknowledgements.rejected()[0].next_at is None
    assert store.sync_metadata.counts().rejected == 1
    assert store.acknowledgements.retry_rejected(reply.id) == 1
    assert server.ops() == [("m", reply.id, "put")]


def test_a_refused_op_holds_up_no_other_and_an_edit_is_tried_at_once(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.freeze()
    server.settle(**{reply.id: server.answer(server.sent[2], "rejected", code="too_large")})
    other = exchange(store, "other")
    assert {id_ for _, id_, _ in server.ops()} >= {other.id}
    assert reply.id not in {one.id for one in server.sent}
    server.settle()
    store.messages.edit(reply.id, "Shorter.")
    assert server.ops() == [("m", reply.id, "put")]


def test_messages_of_a_refused_conversation_wait_with_it(store: Store, server: FakeServer) -> None:
    session = exchange(store, "hello").session_id
    server.freeze(most_ops=1)
    server.settle(**{session: server.answer(server.sent[0], "rejected", code="title_too_long")})
    assert server.freeze() is None
    server.now_ms += HOUR_MS
    assert len(server.ops()) == 3


def test_a_blocked_op_waits_for_a_hand(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.sync()
    store.messages.edit(reply.id, "Huge.")
    server.freeze()
    store.acknowledgements.drop_inflight(server.fence)
    (item,) = server.sent
    store.acknowledgements.block(item.kind, item.id, item.rev, "too_large", fence=server.fence)
    server.now_ms += 1000 * HOUR_MS
    assert server.freeze() is None
    assert store.acknowledgements.rejected()[0].code == "too_large"


@pytest.mark.parametrize("wrong", ["another push", "one too few", "another order", "another revision", "no position"])
def test_an_answer_that_does_not_fit_changes_nothing(store: Store, server: FakeServer, wrong: str) -> None:
    exchange(store, "hello")
    there = server.freeze()
    assert there is not None
    before = tables(store, *SYNC, "sync_inflight", "sync_state")
    response = [server.answer(one) for one in server.sent]
    if wrong == "one too few":
        response.pop()
    elif wrong == "another order":
        response.reverse()
    elif wrong == "another revision":
        response[0] = OpResult(response[0].kind, response[0].id, response[0].rev + 1, "ok", response[0].row)
    elif wrong == "no position":
        response[0] = OpResult(response[0].kind, response[0].id, response[0].rev, "ok")
    with pytest.raises(NotInFlight if wrong == "another push" else ValueError):
        store.acknowledgements.settle_push(
            there.push_seq + (wrong == "another push"), response, None, fence=server.fence, now_ms=server.now_ms
        )
    assert tables(store, *SYNC, "sync_inflight", "sync_state") == before


def test_the_newest_commit_that_was_ever_heard_of_is_remembered(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    server.sync()
    state = store.sync_metadata.state()
    assert (state.seen_seq, state.seen_nonce) == (3, "n3")
    store.sync_pull.apply([], cursor=0, new_cursor=2, seen=(2, "late"), more=True, fence=server.fence, now_ms=0)
    assert store.sync_metadata.state().seen_nonce == "n3"


def test_a_row_that_came_while_an_edit_was_on_its_way_is_here_after_the_answer(
    store: Store, server: FakeServer
) -> None:
    reply = exchange(store, "hello")
    session = reply.session_id
    server.sync()
    store.messages.edit(reply.id, "Mine.")
    store.conversations.rename(session, "Mine")
    store.conversations.set_setting(session, "model", "mine")
    server.freeze()
    newer = (
        conversation(session, 52, "Theirs", created=1, cls=1),
        message(reply.id, session, 50, "Theirs.", created=3),
        setting(session, "model", 51, "theirs"),
    )
    acks = {one.id: server.answer(one) for one in server.sent}  # taken before those were written
    server.tell(*newer)
    assert store.messages.get(reply.id).content == "Mine."
    server.settle(**acks)
    assert store.messages.get(reply.id).content == "Theirs."
    assert store.conversations.get(session).title == "Theirs"
    assert store.conversations.settings(session) == {"model": "theirs"}
    assert outbox(store) == set()


def test_a_conversation_that_dies_while_its_words_are_on_their_way_waits_for_the_answer(
    store: Store, server: FakeServer
) -> None:
    session = exchange(store, "acked").session_id
    server.sync()
    exchange(store, "unsent", session_id=session)
    server.freeze()
    server.tell(conversation(session, 9, created=1, deleted=True))
    assert store.conversations.get(session).title == "acked"
    server.settle(**{one.id: server.answer(one, "deleted") for one in server.sent})
    assert [row.title for row in store.conversations.page(0, 9)] == ["Recovered: acked"]


def test_listeners_hear_which_conversations_an_answer_changed(store: Store, server: FakeServer) -> None:
    session = exchange(store, "hello").session_id
    server.freeze()
    heard: list[frozenset[str]] = []
    store.db.on_commit = lambda change: heard.append(change.sessions)
    server.settle()
    assert heard == [frozenset({session})]
