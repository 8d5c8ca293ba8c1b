"""The outbox: every change of what people and models wrote, by whichever tool, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import acknowledge, exchange, outbox, table
from ticking import Ticking

from sterna.storage import Settled, Store
from sterna.storage.database.migrations import migrate, steps

Write = Callable[[Store, str, str], object]
"""A public write, given a conversation and a message of it."""

OTHER = Settled("done", "Other.")

WRITES: dict[str, Write] = {
    "create_session": lambda store, session, message: store.conversations.create(),
    "rename_session": lambda store, session, message: store.conversations.rename(session, "Other"),
    "set_session_setting": lambda store, session, message: store.conversations.set_setting(session, "model", "x"),
    "begin_turn": lambda store, session, message: store.live_replies.begin_turn(session, "more", model=None),
    "retry": lambda store, session, message: store.live_replies.settle(
        store.live_replies.begin_retry(message).reply.id, OTHER
    ),
    "edit_message": lambda store, session, message: store.messages.edit(message, "Other."),
    "delete_message": lambda store, session, message: store.trash.delete_message(message),
    "delete_session": lambda store, session, message: store.trash.delete_conversation(session),
    "clear_all": lambda store, session, message: store.trash.clear_all(),
    "import_conversations": lambda store, session, message: store.bulk_import.import_conversations([{"id": "new"}]),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_public_write_leaves_word_of_it_in_the_outbox(store: Store, write: Write) -> None:
    reply = exchange(store, "hello")
    acknowledge(store)
    write(store, reply.session_id, reply.id)
    assert store.sync_metadata.waiting() == len(outbox(store)) > 0


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_failure_at_the_end_of_a_write_leaves_no_trace_of_it(store: Store, write: Write) -> None:
    reply = exchange(store, "hello")
    acknowledge(store)
    names = [
        row["name"]
        for row in store.db.rows("select name from sqlite_master where type = 'table' and name not like '%search%'")
    ]
    before = {name: table(store, name) for name in names}
    with pytest.raises(ZeroDivisionError):
        fail_after(store, lambda: write(store, reply.session_id, reply.id))
    assert {name: table(store, name) for name in names} == before


def fail_after(store: Store, write: Callable[[], object]) -> None:
    with store.db.write():
        write()
        raise ZeroDivisionError


def test_reading_and_what_is_local_leave_nothing(store: Store) -> None:
    reply = exchange(store, "hello")
    acknowledge(store)
    store.drafts.save(reply.session_id, "typing")
    store.local_state.set("sidebar", 30)
    store.conversations.mark_read(reply.session_id)
    store.search.search("hello")
    store.conversations.page(0, 9)
    assert outbox(store) == set()


def test_statistics_alone_never_enter(store: Store) -> None:
    reply = exchange(store, "hello")
    acknowledge(store)
    store.db.execute("update chat_sessions set message_count = 9, last_activity = '2026-03-02T00:00:00.000000Z'")
    store.db.execute("update chat_messages set elapsed_time = elapsed_time, content = content")
    store.db.execute("update chat_sessions set title = title where id = ?", (reply.session_id,))
    assert outbox(store) == set()


def test_ten_edits_are_one_op_with_its_revision(store: Store) -> None:
    reply = exchange(store, "hello")
    acknowledge(store)
    for number in range(10):
        store.messages.edit(reply.id, f"edit {number}")
    (row,) = store.db.rows("select kind, op, rev, edited_at from sync_outbox")
    assert (row["kind"], row["op"], row["rev"]) == ("m", "put", 10)


def test_the_time_of_an_edit_is_the_stores_clock_to_the_millisecond(store: Store) -> None:
    from sterna.storage.clock import millis

    session = store.conversations.create()
    (row,) = store.db.rows("select edited_at from sync_outbox")
    from sterna.storage import parse

    assert row["edited_at"] == millis(parse(session.created_at))


def test_a_reply_that_is_arriving_is_nobodys_business_yet(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    acknowledge(store)
    for text in ("a", "ab", "abc"):
        store.live_replies.save(begun.reply.id, text, "")
    assert outbox(store) == set()
    store.live_replies.settle(begun.reply.id, Settled("stopped", "abc"))
    assert ("m", begun.reply.id, "put") in outbox(store)


def test_deleting_what_was_never_sent_cancels_it(store: Store) -> None:
    reply = exchange(store, "hello")
    store.trash.delete_message(reply.id)
    assert not any(id_ == reply.id for _, id_, _ in outbox(store))
    assert {"kind": "m", "id": reply.id, "server_seq": 0} in table(store, "sync_tombstones")


def test_deleting_what_may_be_on_its_way_is_told(store: Store) -> None:
    reply = exchange(store, "hello")
    with store.db.write():
        store.db.execute("update sync_outbox set sent = 1")
    store.trash.delete_message(reply.id)
    assert ("m", reply.id, "del") in outbox(store)
    store.db.execute("delete from chat_sessions")
    assert outbox(store) == {("c", reply.session_id, "del")}
    assert len(table(store, "sync_tombstones")) == 2


def test_a_private_conversation_never_enters(store: Store) -> None:
    session = store.conversations.create().id
    with store.db.write():
        store.db.execute("insert into sync_private (conv_id) values (?)", (session,))
        store.db.execute("delete from sync_outbox")
    reply = exchange(store, "canary", session_id=session)
    store.conversations.rename(session, "canary")
    store.conversations.set_setting(session, "system_prompt", "canary")
    store.messages.edit(reply.id, "canary")
    store.bulk_import.import_conversations([{"id": session, "title": "canary"}])
    trashed = store.trash.delete_message(reply.id)
    store.undo.undo(trashed.token)
    trashed = store.trash.delete_conversation(session)
    store.undo.undo(trashed.token)
    assert (outbox(store), table(store, "sync_tombstones")) == (set(), [])
    store.trash.clear_all()
    assert (outbox(store), table(store, "sync_tombstones")) == ({("x", "all", "clear")}, [])


def test_rows_put_in_place_by_the_messenger_are_not_sent_back(store: Store) -> None:
    with store.db.write(), store.db.applying():
        store.db.execute("insert into chat_sessions (id, user_id) values ('s', ?)", (store.user_id,))
        store.db.execute("insert into chat_messages (id, session_id, role, content) values ('m', 's', 'user', 'x')")
        store.db.execute("update chat_sessions set title = 'pulled'")
        store.db.execute("delete from chat_messages")
    assert (outbox(store), table(store, "sync_tombstones")) == (set(), [])


@pytest.mark.parametrize("recursive", ["off", "on"])
def test_any_form_of_insert_is_captured(store: Store, recursive: str) -> None:
    store.db.execute(f"pragma recursive_triggers = {recursive}")
    session = store.conversations.create().id
    insert = "into chat_messages (id, session_id, role, content) values ('m', :s, 'user', :text)"
    for statement, text in (
        (f"insert {insert}", "one"),
        (f"insert or ignore {insert}", "two"),
        (f"insert or replace {insert}", "three"),
        (f"insert {insert} on conflict (id) do update set content = excluded.content", "four"),
        (f"replace {insert}", "five"),
    ):
        store.db.execute("delete from sync_outbox where kind = 'm'")
        store.db.execute(statement, {"s": session, "text": text})
        ignored = text == "two"
        assert (("m", "m", "put") in outbox(store)) is not ignored, statement
    assert [hit.snippet for hit in store.search.search("five")] == ["\x02five\x03"]
    assert store.conversations.get(session).last_message_preview == "five"


def test_a_plain_connection_of_another_program_is_captured(store: Store) -> None:
    reply = exchange(store, "hello", "lighthouse")
    acknowledge(store)
    with sqlite3.connect(store.db.path) as db:  # its foreign keys are off
        db.execute("update chat_messages set content = 'windmill' where id = ?", (reply.id,))
    assert outbox(store) == {("m", reply.id, "put")}
    assert [hit.message_id for hit in store.search.search("windmill")] == [reply.id]
    with db:
        db.execute("delete from chat_sessions")
    db.close()
    assert outbox(store) == {("c", reply.session_id, "del")}
    assert table(store, "sync_tombstones") == [{"kind": "c", "id": reply.session_id, "server_seq": 0}]
    assert table(store, "chat_messages") == []
    assert store.search.search("windmill") == []


def test_a_file_from_before_keeps_what_waits(tmp_path: Path) -> None:
    """Also what was refused and what is on its way, in the order in which it was written."""
    path = tmp_path / "a.db"
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=[step for step in steps() if step.stem < "36"])
    columns = "seq, kind, id, conv_id, op, rev, sent, edited_at, restamp, arg, tries, not_before, err, refused_rev"
    rows = [
        (3, "m", "m2", "c", "put", 2, 1, 1_772_323_200_000, 1, None, 1, 1_772_326_800_000, "too_large", 2),
        (7, "c", "c", "c", "del", 1, 0, 1_772_323_200_001, 0, 5, 0, None, None, 0),
    ]
    db.executemany(f"insert into sync_outbox ({columns}) values ({', '.join('?' * 14)})", rows)
    db.close()
    store = Store.open(path)
    assert [tuple(row) for row in store.db.rows(f"select {columns} from sync_outbox order by seq")] == rows
    session_id = store.conversations.create("New").id
    assert store.db.rows("select seq, id from sync_outbox order by seq desc")[0]["id"] == session_id
    for column in ("kind", "op"):
        with pytest.raises(sqlite3.IntegrityError, match=f"sync_outbox_{column}"):
            store.db.execute(f"update sync_outbox set {column} = 'other'")
    store.close()


def test_a_message_that_moves_is_told_of_where_it_is(store: Store) -> None:
    reply = exchange(store, "hello")
    other = store.conversations.create().id
    acknowledge(store)
    store.db.execute("update chat_messages set session_id = ? where id = ?", (other, reply.id))
    (row,) = store.db.rows("select id, conv_id from sync_outbox")
    assert tuple(row) == (reply.id, other)


def test_settings_are_ops_of_their_own(store: Store) -> None:
    session = store.conversations.create().id
    acknowledge(store)
    store.conversations.set_setting(session, "model", "a")
    store.conversations.set_setting(session, "temperature", 1)
    assert outbox(store) == {("s", f"{session}/model", "put"), ("s", f"{session}/temperature", "put")}
    acknowledge(store)
    store.conversations.set_setting(session, "temperature", 1)
    assert outbox(store) == set()
    store.conversations.set_setting(session, "temperature", None)
    assert outbox(store) == {("s", f"{session}/temperature", "del")}


def test_a_thing_made_again_is_alive_again(store: Store) -> None:
    session = store.conversations.create().id
    store.trash.delete_conversation(session)
    store.conversations.create(session_id=session)
    assert (outbox(store), table(store, "sync_tombstones")) == ({("c", session, "put")}, [])


def test_nothing_of_ours_replaces_rows() -> None:
    """REPLACE on a conversation cascades its messages away."""
    from sterna.storage.database.migrations import HERE

    for file in [*HERE.glob("*.py"), *HERE.glob("schema/*.sql")]:
        text = file.read_text().lower()
        assert "or replace into" not in text, file
        assert "replace into" not in text, file
        assert "replace=true" not in text, file
