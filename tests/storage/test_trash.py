"""Deleting, and taking it back."""

from __future__ import annotations

import pytest
from builders import CONTENT, SYNC, acknowledge, exchange, in_memory, outbox, table, tables
from hypothesis import example, given
from hypothesis import strategies as st
from ticking import Ticking

from sterna.storage import Invalid, NotFound, PushBatch, Settled, Store
from tests.generated import examples


def furnished(store: Store) -> str:
    """A conversation with all that one can have."""
    session = exchange(store, "hello", "world").session_id
    begun = store.live_replies.begin_turn(session, "again", model="acme/large")
    store.live_replies.settle(
        begun.reply.id, Settled("failed", "half", error_message="cut", metadata={"kind": "network"})
    )
    store.conversations.rename(session, "By hand")
    store.conversations.set_setting(session, "model", "acme/large")
    store.drafts.save(session, "unsent")
    return session


@pytest.mark.parametrize("acknowledged", [False, True])
def test_undo_of_a_delete_restores_every_row_as_it_was(store: Store, clock: Ticking, *, acknowledged: bool) -> None:
    other = exchange(store, "other").session_id
    session = furnished(store)
    if acknowledged:
        acknowledge(store)
    before = tables(store, *CONTENT, *SYNC, "profiles", "user_usage_daily")
    clock.move(days=1)

    trashed = store.trash.delete_conversation(session)
    assert (trashed.sessions, trashed.messages, trashed.title) == (1, 4, "By hand")
    assert [row.id for row in store.conversations.page(0, 9)] == [other]
    assert store.drafts.get(session) == ""
    assert store.trash.latest() == trashed

    assert store.undo.undo(trashed.token) == [session]
    after = tables(store, *CONTENT, *SYNC, "profiles", "user_usage_daily")
    for volatile in ("updated_at", "last_session_id"):
        before["profiles"][0].pop(volatile)
        after["profiles"][0].pop(volatile)
    assert after == before
    assert store.trash.latest() is None
    with pytest.raises(NotFound, match="can not be undone any more"):
        store.undo.undo(trashed.token)


def test_undo_of_a_message_restores_it_and_what_its_conversation_shows(store: Store, clock: Ticking) -> None:
    reply = exchange(store, "hello", "world")
    before = tables(store, *CONTENT, *SYNC, "user_usage_daily")
    clock.move(hours=1)
    trashed = store.trash.delete_message(reply.id)
    assert (trashed.sessions, trashed.messages) == (0, 1)
    assert store.conversations.get(reply.session_id).last_message_preview == "hello"
    assert store.undo.undo(trashed.token) == [reply.session_id]
    assert tables(store, *CONTENT, *SYNC, "user_usage_daily") == before


def test_several_deletes_are_undone_newest_first(store: Store) -> None:
    one, two = exchange(store, "one").session_id, exchange(store, "two").session_id
    reply = exchange(store, "three")
    before = tables(store, *CONTENT, *SYNC)
    store.trash.delete_conversation(one)
    store.trash.delete_message(reply.id)
    store.trash.delete_conversation(two)
    store.trash.clear_all()
    back = []
    while (trashed := store.trash.latest()) is not None:
        back.append(store.undo.undo(trashed.token))
    assert back == [[reply.session_id], [two], [reply.session_id], [one]]
    assert tables(store, *CONTENT, *SYNC) == before


def test_a_message_waits_for_its_conversation_to_come_back_first(store: Store) -> None:
    reply = exchange(store, "hello")
    message = store.trash.delete_message(reply.id)
    session = store.trash.delete_conversation(reply.session_id)
    with pytest.raises(Invalid, match="bring that back first"):
        store.undo.undo(message.token)
    store.undo.undo(session.token)
    store.undo.undo(message.token)
    assert store.conversations.get(reply.session_id).message_count == 2


def test_one_undo_brings_back_everything_that_clear_all_took(store: Store) -> None:
    sessions = {furnished(store), exchange(store, "two").session_id, store.conversations.create("empty").id}
    store.drafts.save(None, "for the next one")
    before = tables(store, *CONTENT, *SYNC, "user_usage_daily")
    trashed = store.trash.clear_all()
    assert (trashed.sessions, trashed.messages, trashed.title) == (3, 6, "empty")
    assert (store.conversations.count(), table(store, "chat_messages")) == (0, [])
    assert store.drafts.get(None) == "for the next one"
    assert set(store.undo.undo(trashed.token)) == sessions
    assert tables(store, *CONTENT, *SYNC, "user_usage_daily") == before


@pytest.mark.parametrize("everything", [False, True])
def test_a_draft_that_another_terminal_kept_after_the_delete_stays_and_holds_up_no_undo(
    store: Store, *, everything: bool
) -> None:
    session = furnished(store)
    trashed = store.trash.clear_all() if everything else store.trash.delete_conversation(session)
    store.drafts.save(session, "typed on")
    assert store.undo.undo(trashed.token) == [session]
    assert store.drafts.get(session) == "typed on"


def test_there_is_nothing_to_clear_in_an_empty_file(store: Store) -> None:
    with pytest.raises(Invalid, match="no conversation"):
        store.trash.clear_all()


def test_what_is_not_there_cannot_be_deleted(store: Store) -> None:
    with pytest.raises(NotFound):
        store.trash.delete_conversation("gone")
    with pytest.raises(NotFound):
        store.trash.delete_message("gone")


# What a server is told


def test_a_delete_that_no_server_knows_of_leaves_a_grave_and_nothing_to_send(store: Store) -> None:
    session = exchange(store, "hello").session_id
    store.trash.delete_conversation(session)
    assert outbox(store) == set()
    assert table(store, "sync_tombstones") == [{"kind": "c", "id": session, "server_seq": 0}]


def test_a_delete_of_what_a_server_has_is_one_op_for_the_conversation(store: Store) -> None:
    session = exchange(store, "hello").session_id
    acknowledge(store)
    exchange(store, "unsent", session_id=session)
    store.trash.delete_conversation(session)
    assert outbox(store) == {("c", session, "del")}


def test_undo_after_the_server_was_told_is_an_op_of_its_own(store: Store) -> None:
    session = furnished(store)
    acknowledge(store)
    trashed = store.trash.delete_conversation(session)
    acknowledge(store)
    store.undo.undo(trashed.token)
    assert outbox(store) == {("c", session, "restore")}
    assert table(store, "sync_tombstones") == []

    acknowledge(store)
    reply = store.messages.before(session, None, 1)[0]
    message = store.trash.delete_message(reply.id)
    assert outbox(store) == {("m", reply.id, "del")}
    acknowledge(store)
    store.undo.undo(message.token)
    assert outbox(store) == {("m", reply.id, "restore")}


def test_undo_while_the_delete_is_on_its_way_is_not_taken_for_its_answer(store: Store) -> None:
    session = exchange(store, "hello").session_id
    acknowledge(store)
    trashed = store.trash.delete_conversation(session)
    batch = store.sync_push.next_batch(fence=0, most_ops=9, most_bytes=9000, now_ms=0)
    assert isinstance(batch, PushBatch)
    assert store.sync_push.freeze(batch, b"", fence=0) is not None
    (sent,) = store.db.rows("select rev from sync_outbox")
    store.undo.undo(trashed.token)
    (now,) = store.db.rows("select op, rev from sync_outbox")
    assert now["op"] == "restore"
    assert now["rev"] > sent["rev"]


def test_clear_all_is_one_op_and_names_what_it_would_not_cover(store: Store) -> None:
    covered = exchange(store, "covered").session_id
    acknowledge(store)
    (position,) = store.db.rows("select full_cursor from sync_state")
    beyond = exchange(store, "beyond").session_id
    with store.db.write():
        store.db.execute(
            "insert into sync_session_state (session_id, server_seq, created_seq) values (?, 900, 900)", (beyond,)
        )
        store.db.execute("delete from sync_outbox")
    unsent = exchange(store, "unsent").session_id
    before = tables(store, *CONTENT, *SYNC)
    trashed = store.trash.clear_all()
    assert outbox(store) == {("c", beyond, "del"), ("x", "all", "clear")}
    assert store.db.rows("select arg from sync_outbox where kind = 'x'")[0]["arg"] == position["full_cursor"]
    assert {row["id"] for row in table(store, "sync_tombstones")} == {covered, beyond, unsent}
    store.undo.undo(trashed.token)
    assert tables(store, *CONTENT, *SYNC) == before

    trashed = store.trash.clear_all()
    acknowledge(store)
    store.undo.undo(trashed.token)
    assert outbox(store) >= {("c", covered, "restore"), ("c", beyond, "restore"), ("c", unsent, "put")}


# The end of it


def doomed(store: Store) -> list[str]:
    """Conversations that are here, and that the server will delete when it is told what waits."""
    rows = store.db.rows(
        """select c.id
        from chat_sessions as c
        join sync_session_state as s on s.session_id = c.id and s.server_seq > 0
        left join sync_outbox as mine on mine.kind = 'c' and mine.id = c.id
        left join sync_outbox as clear on clear.kind = 'x' and clear.arg >= s.created_seq
        where mine.op = 'del' or clear.seq is not null and not (mine.op is 'restore' and mine.seq > clear.seq)"""
    )
    return [row["id"] for row in rows]


def spared(store: Store) -> list[str]:
    """Conversations that are deleted here, and that the server will keep."""
    rows = store.db.rows(
        """select s.session_id as id
        from sync_session_state as s
        where s.server_seq > 0 and s.session_id not in (select id from chat_sessions)
            and s.session_id not in (select id from sync_outbox where kind = 'c' and op = 'del')
            and not exists (select 1 from sync_outbox where kind = 'x' and arg >= s.created_seq)"""
    )
    return [row["id"] for row in rows]


STEPS = ("new", "acknowledge", "delete", "clear", "undo")


@example([("clear", 0), ("new", 0), ("clear", 0), ("undo", 0), ("undo", 0)])
@example([("new", 0), ("acknowledge", 0), ("delete", 0), ("clear", 0), ("undo", 0), ("undo", 0)])
@example(
    [("new", 0), ("new", 0), ("delete", 0), ("delete", 1), ("clear", 0), ("undo", 1),
     ("delete", 0), ("undo", 1), ("clear", 0), ("undo", 1)]
)  # fmt: skip
@examples(60)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3)), max_size=14))
def test_whatever_is_deleted_and_undone_in_whatever_order_a_server_hears_the_same(steps: list[tuple[str, int]]) -> None:
    store = in_memory()
    exchange(store, "first")
    acknowledge(store)
    for step, which in steps:
        tokens = [row["token"] for row in store.db.rows("select token from trash order by token")]
        there = store.conversations.page(0, 9)
        if step == "new":
            exchange(store, "another")
        elif step == "acknowledge" and not store.db.one("select 1 from sync_outbox where op <> 'put'"):
            acknowledge(store)
        elif step == "delete" and there:
            store.trash.delete_conversation(there[which % len(there)].id)
        elif step == "clear" and there:
            store.trash.clear_all()
        elif step == "undo" and tokens:
            store.undo.undo(tokens[which % len(tokens)])
        assert (doomed(store), spared(store)) == ([], [])
    store.close()


def test_the_trash_is_emptied_after_thirty_days_and_the_index_with_it(store: Store, clock: Ticking) -> None:
    session = exchange(store, "sandcastle", "moat").session_id
    exchange(store, "kept")
    trashed = store.trash.delete_conversation(session)
    clock.move(days=29)
    assert store.trash.latest() == trashed
    assert not store.trash.purge()
    clock.move(days=2)
    assert store.trash.latest() is None
    assert store.trash.purge(limit=3)
    with pytest.raises(NotFound, match="can not be undone any more"):
        store.undo.undo(trashed.token)
    while store.trash.purge(limit=3):
        pass
    assert (table(store, "trash"), table(store, "trash_rows")) == ([], [])
    assert store.trash.latest() is None
    assert store.db.rows("select rowid from message_search where message_search match 'sandcastle OR moat'") == []
    store.db.execute("insert into message_search (message_search, rank) values ('integrity-check', 1)")


def test_a_number_of_a_row_in_the_trash_is_never_given_again(store: Store) -> None:
    reply = exchange(store, "first words")
    trashed = store.trash.delete_conversation(reply.session_id)
    exchange(store, "second thoughts")
    assert [hit.snippet for hit in store.search.search("first")] == []
    store.undo.undo(trashed.token)
    assert store.conversations.count() == 2


def test_a_conversation_deleted_before_its_import_was_indexed_is_found_after_undo(store: Store) -> None:
    from sterna.storage.conversations import bulk_import

    items = [
        {"id": f"s{n}", "title": "T", "messages": [{"id": f"m{n}", "role": "user", "content": f"pebble {n}"}]}
        for n in range(3)
    ]
    room, bulk_import.INDEX_AT_ONCE = bulk_import.INDEX_AT_ONCE, 0
    try:
        store.bulk_import.import_conversations(items)
    finally:
        bulk_import.INDEX_AT_ONCE = room
    exchange(store, "shell")
    trashed = store.trash.delete_conversation("s1")
    while store.search_index.catch_up(1):
        pass
    assert {hit.session_id for hit in store.search.search("pebble")} == {"s0", "s2"}
    store.undo.undo(trashed.token)
    assert {hit.session_id for hit in store.search.search("pebble")} == {"s0", "s1", "s2"}
    store.db.execute("insert into message_search (message_search, rank) values ('integrity-check', 1)")
