"""Versions of replies that an earlier Sterna kept in the trash are branches when the file is opened."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from builders import outbox
from ticking import Ticking

from sterna.storage import Store
from sterna.storage.database.migrations import migrate, steps

AT = "2026-03-01T10:00:0{}.000000Z"
MESSAGE = "insert into chat_messages (id, session_id, role, content, message_timestamp, user_message_id) values"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A file of before there were branches: a reply with an older version that a server knows, and a late one."""
    path = tmp_path / "a.db"
    files = [file for file in steps() if file.stem < "33"]
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=files)
    db.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
    db.execute("insert into chat_sessions (id, user_id, title) values ('s', 'u', 'T')")
    db.execute(f"{MESSAGE} ('q', 's', 'user', 'why', '{AT.format(1)}', null)")
    db.execute(f"{MESSAGE} ('b', 's', 'assistant', 'shown', '{AT.format(3)}', 'q')")
    names = [row[1] for row in db.execute("pragma table_info(chat_messages)") if row[1] != "local_id"]
    for number, (key, text, at) in enumerate((("a", "first", 2), ("c", "broke off", 4)), start=1):
        db.execute(f"{MESSAGE} ('{key}', 's', 'assistant', '{text}', '{AT.format(at)}', 'q')")
        row = db.execute(f"select {', '.join(names)} from chat_messages where id = '{key}'").fetchone()
        db.execute(
            """insert into trash (token, at, kind, title, sessions, messages, indexed)
            values (?, ?, 'reply', 'T', 0, 1, 0)""",
            (number, AT.format(5)),
        )
        db.executemany(
            "insert into trash_rows (token, place, thing, content) values (?, ?, ?, ?)",
            [
                (number, "chat_messages", key, json.dumps(dict(zip(names, row, strict=True)))),
                (number, "session", "s", json.dumps({"updated_at": AT.format(1), "last_activity": AT.format(1)})),
            ],
        )
        if key == "a":
            db.execute("insert into sync_message_state (message_id, server_seq) values ('a', 7)")
        db.execute(f"delete from chat_messages where id = '{key}'")
    db.execute("update sync_tombstones set server_seq = 8 where id = 'a'")  # the server has heard of that
    db.execute("delete from sync_outbox where id = 'a'")
    db.close()
    return path


def test_kept_versions_become_branches_and_what_was_shown_stays(older: Path) -> None:
    store = Store.open(older, clock=Ticking())
    assert [m.content for m in store.messages.before("s", None, 9)] == ["why", "shown"]
    assert store.branches.siblings("b").ids == ("a", "b", "c")
    assert store.branches.switch("b").content == "broke off"
    assert store.conversations.get("s").message_count == 4
    assert {("m", "a", "restore"), ("m", "c", "put")} <= outbox(store)
    assert store.trash.latest() is None
    assert [hit.message_id for hit in store.search.search("first")] == ["a"]
    store.close()


def test_opening_it_again_changes_nothing(older: Path) -> None:
    Store.open(older, clock=Ticking()).close()
    store = Store.open(older, clock=Ticking())
    assert store.conversations.get("s").message_count == 4
    assert [m.content for m in store.messages.before("s", None, 9)] == ["why", "shown"]
    store.close()
