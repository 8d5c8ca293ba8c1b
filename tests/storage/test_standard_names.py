"""Files from before the tables and columns of sync had their present names."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ticking import Ticking

from sterna.storage import Store
from sterna.storage.database.migrations import migrate, steps
from sterna.storage.database.standard_names import COLUMNS, TABLES

RENAMED = [step.stem for step in steps()].index("28_standard_names")
"""Steps before the renaming."""


def columns(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in db.execute("select name, type, pk from pragma_table_info(?)", (table,)))


def shape(db: sqlite3.Connection) -> dict[str, Any]:
    """Return columns of tables, and the SQL of the rest without the quotes that a renaming adds."""
    return {
        name: columns(db, name) if kind == "table" else sql.replace('"', "")
        for kind, name, sql in db.execute("select type, name, sql from sqlite_master where sql is not null")
    }


def make_older(path: Path, count: int = RENAMED) -> sqlite3.Connection:
    """Make a file as a program that knew only the first ``count`` steps left it."""
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=steps()[:count])
    tables = {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}
    for table, old, new in COLUMNS:
        if any(new == name for name, *_ in columns(db, table)):
            db.execute(f"alter table {table} rename column {new} to {old}")
    if "sync_session_state" in tables:
        db.execute("alter table sync_session_state add column title_ver integer not null default 0")
    if "sync_deferred" in tables:
        db.execute("drop index sync_deferred_session")
        db.execute("create index sync_aside_session on sync_deferred (session_id)")
    for old, new in TABLES.items():
        if new in tables:
            db.execute(f"alter table {new} rename to {old}")
    return db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.mark.parametrize("count", [4, 5, 9, 15, RENAMED])
def test_an_older_file_of_any_age_gets_the_present_shape(path: Path, tmp_path: Path, count: int) -> None:
    new = Store.open(tmp_path / "new.db")
    older = make_older(path, count)
    assert any(re.search(r"\bsync_ctx\b", str(sql)) for sql in shape(older).values())
    older.close()
    store = Store.open(path)
    assert shape(store.db.connection) == shape(new.db.connection)
    store.close()
    new.close()
    assert list(path.parent.glob(f"a.backup-{count}-*.db"))


def test_a_file_with_the_earlier_names_opens_with_all_that_was_in_it(path: Path) -> None:
    older = make_older(path)
    older.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
    for name in ("kept", "hidden", "deleted"):
        older.execute("insert into chat_sessions (id, user_id, title) values (?, 'u', ?)", (name, name))
    older.execute("insert into sync_optout (conv_id) values ('hidden')")
    older.execute("delete from chat_sessions where id = 'deleted'")
    older.execute("update sync_state set cur = 7, full_cur = 5")
    older.close()

    store = Store.open(path)
    assert store.conversations.count() == 2
    assert store.sync_metadata.is_private("hidden")
    assert (store.sync_metadata.state().cursor, store.sync_metadata.state().full_cursor) == (7, 5)
    trashed = store.trash.delete_conversation("kept")
    assert {row["id"] for row in store.db.rows("select id from sync_tombstones")} == {"deleted", "kept"}
    store.undo.undo(trashed.token)
    store.conversations.rename("kept", "Renamed")
    assert store.conversations.get("kept").title == "Renamed"
    assert store.maintenance.damage() == []
    store.close()
