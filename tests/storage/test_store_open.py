"""Opening the file: new, old, by several at once, damaged, locked, not writable, too new."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import exchange
from sqlite_utils import Database
from ticking import Ticking

from sterna.storage import (
    Change,
    Invalid,
    Store,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFailing,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    data_dir,
    open_account,
)
from sterna.storage.database.migrations import HERE, migrate, steps
from sterna.storage.database.sqlite_errors import explain

ROOT = HERE.parent
pytestmark = pytest.mark.usefixtures("whole_migration")


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_its_folder_are_the_persons_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "account.db"
    store = Store.open(path)
    exchange(store, "hello")
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    store.close()


def test_the_connection_keeps_what_it_says_it_kept(store: Store) -> None:
    pragmas = {
        name: store.db.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous", "recursive_triggers")
    }
    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "synchronous": 2,
        "recursive_triggers": 0,
    }


def test_a_file_has_one_account_from_the_first_start_on(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db")
    first = store.user_id
    store.close()
    store = Store.open(tmp_path / "a.db")
    assert store.user_id == first
    assert store.db.rows("select count(*) from profiles")[0][0] == 1
    store.close()
    store.close()


def test_opening_a_file_that_is_up_to_date_loads_nothing_heavy(tmp_path: Path) -> None:
    Store.open(tmp_path / "a.db").close()
    code = """
import sys, pathlib
from sterna.storage import Store
store = Store.open(pathlib.Path(sys.argv[1]))
store.conversations.page(0, 50)
print(sorted({"sqlite_utils", "filelock", "httpx", "textual", "platformdirs"} & set(sys.modules)))
"""
    out, err = python(code, tmp_path / "a.db").communicate(timeout=60)
    assert (out.strip(), err) == ("[]", "")


def test_several_processes_may_make_the_same_file_at_once(tmp_path: Path) -> None:
    code = """
import sys, pathlib
from sterna.storage import Store, data_dir, open_account
folder = data_dir(pathlib.Path(sys.argv[1]))
print(flush=True)
sys.stdin.readline()
store = Store.open(open_account(folder))
print(store.db.path.name, store.user_id, store.conversations.count())
"""
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "new")],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    answers = [starter.communicate(timeout=60) for starter in starters]
    assert [err for _, err in answers] == [""] * 4
    assert len({out for out, _ in answers}) == 1
    assert len(list((tmp_path / "new").glob("*.db"))) == 1


def test_a_file_of_a_newer_program_is_left_alone_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Store.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 999")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"a\.db was written by a newer Sterna\. Update Sterna"):
        Store.open(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "browser.db"
    with sqlite3.connect(path) as db:
        db.execute("create table urls (url text)")
    db.close()
    with pytest.raises(StoreError, match="database of another program"):
        Store.open(path)


def test_a_file_that_is_no_database_says_where_its_newest_copy_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("this is a letter to my landlord, not a database" * 100)
    with pytest.raises(StoreCorrupt, match=r"There is no copy of it yet; `sqlite3 a\.db \.recover`"):
        Store.open(path)
    (tmp_path / "a.backup-3-2026-03-01T120000.db").touch()
    with pytest.raises(StoreCorrupt, match=r"rename the newest copy, \S+a\.backup-3-2026-03-01T120000\.db, to a\.db"):
        Store.open(path)


def test_damage_found_while_reading_is_a_sentence_too(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = Store.open(path)
    for number in range(5):
        exchange(store, f"prompt {number} " * 2000)
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(bytes(content))
    with pytest.raises(StoreCorrupt, match="is damaged"):
        Store.open(path).search("prompt")


def test_a_file_held_by_another_program_says_so_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = Store.open(path, busy_ms=20)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreBusy, match=r"a\.db is held by another program"):
        store.live_replies.begin_turn(None, "hello", model=None)
    assert store.conversations.count() == 0  # reading goes on
    other.execute("rollback")
    other.close()
    assert exchange(store, "hello").content == "Yes."
    store.close()


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreReadOnly, match="Give your user the right to write that folder"):
        Store.open(tmp_path / "file" / "a.db")


def test_a_file_that_became_read_only_says_so(store: Store) -> None:
    store.db.execute("pragma query_only = on")
    with pytest.raises(StoreReadOnly, match="cannot be written"):
        store.conversations.create()


def test_a_full_disk_says_so_and_keeps_what_was_there(store: Store) -> None:
    kept = exchange(store, "hello")
    store.db.execute(f"pragma max_page_count = {store.db.execute('pragma page_count').fetchone()[0]}")
    with pytest.raises(StoreFull, match="No space is left"):
        store.live_replies.begin_turn(kept.session_id, "x" * 1_000_000, model=None)
    assert [m.content for m in store.messages.before(kept.session_id, None, 9)] == ["hello", "Yes."]
    assert store.arriving_replies.of() == []
    store.db.execute("pragma max_page_count = 1073741823")
    assert exchange(store, "again", session_id=kept.session_id).content == "Yes."


@pytest.mark.parametrize(("free", "kind", "words"), [(0, StoreFull, "No space"), (10**9, StoreFailing, "disk failed")])
def test_a_disk_too_full_to_read_from_is_not_called_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: type[StoreError], words: str
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    sentence = explain(error, tmp_path / "a.db")
    assert type(sentence) is kind
    assert words in str(sentence)


def test_a_value_that_the_schema_refuses_is_a_sentence(store: Store) -> None:
    session = store.conversations.create()
    with pytest.raises(Invalid, match="That value does not fit"):
        store.conversations.create(session_id=session.id)


def test_a_write_that_fails_leaves_nothing_and_tells_nobody(store: Store) -> None:
    heard: list[object] = []
    store.db.on_commit = heard.append
    with pytest.raises(ZeroDivisionError):
        fail_in_write(store, lambda: store.conversations.create("one"))
    assert (store.conversations.count(), store.sync_metadata.waiting(), heard) == (0, 0, [])
    session = store.conversations.create("two")
    assert heard == [Change(sessions=frozenset({session.id}))]


def fail_in_write(store: Store, write: Callable[[], object]) -> None:
    with store.db.write():
        write()
        raise ZeroDivisionError


def test_triggers_know_the_moment_of_the_write_and_nobody_else_does(store: Store, clock: Ticking) -> None:
    with store.db.write():
        session = store.conversations.create()
        assert session.created_at == store.db.stamp() == store.db.rows("select now from write_context")[0][0]
    assert store.db.rows("select now from write_context")[0][0] is None


def test_sqlite_utils_never_commits_a_write_of_ours(store: Store) -> None:
    place = Database(store.db.connection, recursive_triggers=False, execute_plugins=False)

    def write() -> None:
        place["shelf"].insert_all([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], pk="id")
        place["shelf"].upsert({"id": 1, "name": "c"}, pk="id")
        place["shelf"].create_index(["name"])
        place["shelf"].update(2, {"name": "d"})
        place["shelf"].delete(2)
        place["shelf"].add_column("more", str)
        assert [row["name"] for row in place.query("select name from shelf")] == ["c"]
        assert store.db.connection.in_transaction

    with pytest.raises(ZeroDivisionError):
        fail_in_write(store, write)
    assert "shelf" not in place.table_names()
    assert store.db.rows("pragma recursive_triggers")[0][0] == 0


# Migration


def older(path: Path, count: int) -> None:
    """A file as a program that knew only the first ``count`` steps would have made it."""
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=steps()[:count])
    db.close()


def test_an_older_file_is_copied_then_brought_up_to_date_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    older(path, len(steps()) - 1)
    with sqlite3.connect(path) as db:
        db.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
        db.execute("insert into chat_sessions (id, user_id, title) values ('s', 'u', 'Kept')")
        db.execute("insert into chat_messages (id, session_id, role, content) values ('m', 's', 'user', 'word')")
    db.close()
    store = Store.open(path)
    assert store.conversations.get("s").title == "Kept"
    assert [hit.session_title for hit in store.search.search("word")] == ["Kept"]
    assert store.trash.latest() is None
    store.close()
    (copy,) = tmp_path.glob("a.backup-*.db")
    assert mode(copy) == 0o600
    with sqlite3.connect(copy) as db:
        assert db.execute("select title from chat_sessions").fetchall() == [("Kept",)]
        assert db.execute("pragma user_version").fetchone() == (len(steps()) - 1,)
    db.close()


def test_what_waits_in_an_older_file_is_deleted_or_not_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    older(path, [file.stem for file in steps()].index("38_deferred_deletions"))
    with sqlite3.connect(path) as db:
        for seq, is_dead in enumerate((True, False), start=1):
            row = {"kind": "m", "id": f"m{seq}", "session_id": "s", "seq": seq, "created_seq": 1, "is_dead": is_dead}
            values = (row["kind"], row["id"], row["session_id"], seq, json.dumps(row))
            db.execute("insert into sync_deferred (kind, id, session_id, seq, content) values (?, ?, ?, ?, ?)", values)
    db.close()
    store = Store.open(path)
    assert [(row.id, row.is_deleted) for row in store.outbox.pop_deferred("true")] == [("m1", True), ("m2", False)]
    store.close()


def test_a_branch_of_an_older_file_can_end_before_its_newest_message(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    older(path, [file.stem for file in steps()].index("42_branch_end"))
    with sqlite3.connect(path) as db:
        db.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
        db.execute("insert into chat_sessions (id, user_id, title) values ('s', 'u', 'Kept')")
        for name in ("a", "b"):
            db.execute("insert into chat_messages (id, session_id, role, content) values (?, 's', 'user', 'x')", name)
    db.close()
    store = Store.open(path)
    store.conversations.set_settings("s", {"leaf": "a", "branch_end": ["a", "b"]})
    assert [message.id for message in store.messages.after("s", None, 9)] == ["a"]
    store.conversations.set_settings("s", {"branch_end": None})
    assert [message.id for message in store.messages.after("s", None, 9)] == ["a", "b"]
    store.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    older(path, 2)
    (tmp_path / "0001_bad.sql").write_text("create table fine (a text);\ncreate table chat_sessions (a text);\n")
    db = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(db, path, clock=Ticking(), busy_ms=1000, files=[*steps()[:2], tmp_path / "0001_bad.sql"])
    assert db.execute("pragma user_version").fetchone() == (2,)
    assert db.execute("select count(*) from sqlite_master where name = 'fine'").fetchone() == (0,)
    db.close()


def test_every_step_is_recorded_by_name(store: Store) -> None:
    names = [row["name"] for row in store.db.rows("select name from _sqlite_migrations order by id")]
    assert names == [f"{file.parent.name}/{file.stem}" for file in steps()]


# Accounts


def test_the_first_start_makes_an_account_in_a_file_of_random_name(tmp_path: Path) -> None:
    folder = data_dir(tmp_path / "data")
    path = open_account(folder)
    assert path == open_account(folder)
    assert path.parent == folder
    assert path.suffix == ".db"
    assert mode(folder / "accounts.json") == 0o600
    assert open_account(data_dir(tmp_path / "other")).name != path.name
    assert [file.name for file in folder.iterdir()] == ["accounts.json"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"current": "../../etc/passwd.db"}', '{"current": 3}', "\x00"])
def test_a_damaged_list_of_accounts_says_where_the_conversations_are(tmp_path: Path, content: str) -> None:
    (tmp_path / "accounts.json").write_text(content)
    with pytest.raises(StoreCorrupt, match=r"conversations are in the \.db files beside it"):
        open_account(tmp_path)


def test_the_data_folder_can_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STERNA_DATA_DIR", str(tmp_path / "env"))
    assert data_dir(None) == tmp_path / "env"
    assert data_dir(tmp_path / "named") == tmp_path / "named"
    monkeypatch.delenv("STERNA_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert data_dir(None) == tmp_path / "xdg" / "sterna"
        assert os.access(tmp_path / "xdg" / "sterna", os.W_OK)


ONE_MORE = """
import sys
from pathlib import Path
from sterna.storage import Store
store = Store.open(Path(sys.argv[1]))
store.conversations.create("of another process")
store.close()
"""


def test_a_second_store_of_this_process_does_not_hide_what_others_write(tmp_path: Path) -> None:
    """Closing any descriptor of a file gives up every lock that the process has on it, SQLite's too."""
    path = tmp_path / "account.db"
    store = Store.open(path)
    assert store.conversations.count() == 0
    Store.open(path).close()
    subprocess.run([sys.executable, "-c", ONE_MORE, str(path)], check=True, timeout=60)
    assert store.conversations.count() == 1
    store.conversations.create("of this one")
    other = Store.open(path)
    assert other.conversations.count() == 2
    assert other.maintenance.damage() == []
    other.close()
    store.close()
