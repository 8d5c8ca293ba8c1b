"""Values that a failing disk or another program left: what is readable is read, and they can be repaired."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from builders import exchange
from ticking import Ticking

from sterna.storage import Store, StoreError, parse, stored_time

BROKEN = b"caf\xe9 \xff\xed\xa0\x80"
READABLE = BROKEN.decode("utf-8", "replace")


def damaged(store: Store, session_id: str) -> None:
    """Damage one value of each kind in each table that a conversation fills."""
    db = store.db
    db.execute("pragma ignore_check_constraints = on")
    db.execute("update write_context set applying = 1")
    for table, column in (
        ("chat_sessions", "title"), ("chat_sessions", "last_model"), ("chat_sessions", "last_message_preview"),
        ("chat_messages", "model"), ("chat_messages", "reasoning"),
        ("profiles", "email"), ("profiles", "full_name"), ("drafts", "content"), ("session_settings", "value"),
        ("user_activity_log", "action"), ("local_state", "value"),
    ):  # fmt: skip
        db.execute(f"update {table} set {column} = cast(? as text)", (BROKEN,))
    db.execute("update chat_messages set content = cast(? as text) where role = 'assistant'", (BROKEN + b"\0end",))
    db.execute("update chat_messages set error_message = cast(? as text) where role = 'assistant'", (BROKEN,))
    db.execute("update chat_messages set metadata = '{\"a\": ', message_timestamp = '9999-99-99T99:99:99.999999Z'")
    db.execute("update chat_sessions set last_activity = '0000-00-00T00:00:00.000000Z', created_at = last_activity")
    db.execute("update profiles set session_preferences = '{'")
    db.execute("update write_context set applying = 0")
    db.execute("pragma ignore_check_constraints = off")
    assert store.conversations.get(session_id).id == session_id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    store = Store.open(path, clock=Ticking())
    session_id = exchange(store, "Where do terns breed?").session_id
    store.conversations.set_setting(session_id, "model", "acme/small")
    store.drafts.save(session_id, "half")
    store.local_state.set("sidebar", 32)
    damaged(store, session_id)
    store.close()
    return path


def read(store: Store) -> str:
    """Everything that a person comes by; gives the text of it."""
    (row,) = store.conversations.page(0, 9)
    session = store.conversations.get(row.id)
    messages = store.messages.after(row.id, None, 9)
    assert [message.content for message in store.messages.before(row.id, None, 9)] == [m.content for m in messages]
    assert store.messages.context(row.id, 10_000)[0]
    pieces: list[str] = []
    store.maintenance.export_json(store.user_id, pieces.append)
    assert json.loads("".join(pieces))["conversations"][0]["messages"]
    store.maintenance.export_user_data(store.user_id)
    store.conversations.settings(row.id)
    store.local_state.get("sidebar")
    store.drafts.prompt_history()
    for text in ("caf", "terns bree", "café", "日本"):
        store.search.search(text)
        store.conversations.page(0, 9, text)
        store.conversations.position(row.id, text)
    found = (row, session, messages, store.drafts.get(row.id), store.search.search_best("where do terns breed", 5))
    for at in (session.last_activity, session.created_at, messages[0].message_timestamp):
        assert stored_time(at).tzinfo is not None
    return repr(found)


def test_everything_is_read_with_a_mark_in_place_of_what_is_no_text(path: Path) -> None:
    store = Store.open(path)
    text = read(store)
    assert "caf\ufffd" in text
    assert "Where do terns breed?" in text
    store.close()


def test_a_conversation_with_damaged_times_and_titles_goes_on(path: Path) -> None:
    store = Store.open(path)
    session_id = store.conversations.page(0, 1)[0].id
    assert exchange(store, "And in winter?", session_id=session_id).content == "Yes."
    assert store.conversations.rename(session_id, "Terns").title == "Terns"
    store.close()


def test_damaged_values_are_found_and_repaired_and_nothing_else_is_changed(path: Path) -> None:
    store = Store.open(path)
    found = {f"{one.table}.{one.column}" for one in store.damaged_values.find()}
    assert {
        "chat_sessions.title", "chat_messages.content", "chat_messages.metadata", "chat_messages.message_timestamp",
        "chat_sessions.last_activity", "profiles.session_preferences", "profiles.email", "session_settings.value",
        "drafts.content", "local_state.value",
    } <= found  # fmt: skip
    waiting = store.db.rows("select kind, id, op, rev from sync_outbox order by kind, id")
    used = store.db.rows("select * from user_usage_daily")
    copy = store.damaged_values.copy_file()
    assert store.damaged_values.repair_values() == store_count(copy)
    assert store.damaged_values.find() == []
    assert store.maintenance.damage() == []
    assert list(map(tuple, store.db.rows("select kind, id, op, rev from sync_outbox order by kind, id"))) == list(
        map(tuple, waiting)
    )
    assert list(map(tuple, store.db.rows("select * from user_usage_daily"))) == list(map(tuple, used))
    (session,) = store.conversations.page(0, 9)
    prompt, reply = store.messages.after(session.id, None, 9)
    assert (prompt.content, reply.content) == ("Where do terns breed?", READABLE + "end")
    assert session.title == READABLE
    assert parse(prompt.message_timestamp).year > 2000
    while store.search_index.catch_up():
        pass
    assert [hit.message_id for hit in store.search.search("terns")] == [prompt.id]
    assert store.search.search("caf\ufffd end") is not None
    assert exchange(store, "again").content == "Yes."
    store.close()


def store_count(copy: Path) -> int:
    """Return the number of damaged values in that file."""
    other = Store.open(copy)
    count = sum(one.count for one in other.damaged_values.find())
    other.close()
    return count


def test_an_id_that_is_no_text_is_repaired_in_every_table_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = Store.open(path, clock=Ticking())
    session_id = exchange(store, "hello").session_id
    store.db.execute("pragma foreign_keys = off")
    store.db.execute("update write_context set bulk = 1")
    for table, column in (
        ("chat_sessions", "id"), ("chat_messages", "session_id"), ("session_counts", "session_id"),
        ("session_marks", "session_id"), ("profiles", "last_session_id"),
    ):  # fmt: skip
        store.db.execute(
            f"update {table} set {column} = cast(? as text) where {column} = ?", (b"conv_1_\xff", session_id)
        )
    store.db.execute("update chat_messages set id = cast(? as text) where role = 'user'", (b"msg_\xff",))
    store.db.execute("update write_context set bulk = 0")
    store.db.execute("pragma foreign_keys = on")
    assert [message.role for message in store.messages.after(session_id, None, 9)] == []
    pieces: list[str] = []
    store.maintenance.export_json(store.user_id, pieces.append)
    (conversation,) = json.loads("".join(pieces))["conversations"]
    assert [message["content"] for message in conversation["messages"]] == ["hello", "Yes."]
    store.damaged_values.repair_values()
    assert store.maintenance.damage() == []
    (row,) = store.conversations.page(0, 9)
    assert [message.content for message in store.messages.after(row.id, None, 9)] == ["hello", "Yes."]
    store.close()


def test_binary_data_in_a_column_of_text_is_read_and_repaired(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = Store.open(path, clock=Ticking())
    exchange(store, "hello")
    store.close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma writable_schema = on")
    db.execute("update sqlite_master set sql = replace(sql, ') strict', ')') where name = 'chat_messages'")
    db.close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("update write_context set bulk = 1")
    db.execute("update chat_messages set content = x'66ff' where role = 'assistant'")
    db.execute("update write_context set bulk = 0")
    db.execute("pragma writable_schema = on")
    db.execute("update sqlite_master set sql = sql || ' strict' where name = 'chat_messages'")
    db.close()
    store = Store.open(path)
    (row,) = store.conversations.page(0, 9)
    assert store.messages.after(row.id, None, 9)[1].content == "f\ufffd"
    assert "non-TEXT" in " ".join(store.maintenance.damage())
    store.damaged_values.repair_values()
    assert (store.maintenance.damage(), store.damaged_values.find()) == ([], [])
    assert store.messages.after(row.id, None, 9)[1].content == "f\ufffd"
    store.close()


def test_what_a_damaged_value_keeps_from_being_written_is_said_with_the_way_out(path: Path) -> None:
    store = Store.open(path, clock=Ticking())
    store.db.execute("pragma ignore_check_constraints = on")
    store.db.execute("update user_usage_daily set models_used = '{'")
    with pytest.raises(StoreError, match="Run `sterna doctor repair`"):
        exchange(store, "hello")
    store.damaged_values.repair_values()
    assert exchange(store, "hello").content == "Yes."
    store.close()


@pytest.mark.parametrize(
    "text", ["", "9999-99-99T99:99:99.999999Z", "0000-00-00T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "\0"]
)
def test_a_stored_time_can_be_shown_whatever_it_is(text: str) -> None:
    assert stored_time(text).astimezone().strftime("%H:%M")
