"""A history that cannot be written: on a full disk, without the right, on a disk that takes no more. It is read all the
same, and what was stored before is said and kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disks import can_mount, run_on_full_disk, run_where_files_cannot_grow, run_without_rights
from ticking import Ticking

from sterna.storage import Store
from sterna.storage.database.migrations import migrate, steps

MAKE = """
from sterna.storage import Settled, Store, open_account

def make():
    # the process ends without closing the file, as after a crash: all of the history is in the journal
    pid = os.fork()
    if pid == 0:
        store = Store.open(open_account(place))
        store.db.execute("pragma wal_autocheckpoint = 0")
        begun = store.live_replies.begin_turn(None, "Where do terns breed?", model="acme/small")
        store.live_replies.settle(begun.reply.id, Settled("done", "In the Arctic."))
        begun = store.live_replies.begin_turn(begun.session.id, "And in winter?", model="acme/small")
        store.live_replies.save(begun.reply.id, "In the Antarc", "")
        os._exit(0)
    os.waitpid(pid, 0)
"""

READ = """
os.environ["STERNA_DATA_DIR"], os.environ["STERNA_CONFIG_DIR"] = str(place), str(place)
out = Path(sys.argv[2] if len(sys.argv) > 2 else os.devnull)
answers = {
    "list": command("list"), "show": command("show"), "search": command("search", "arctic"),
    "export": command("export"), "json": command("export", "--format", "json"),
    "ask": command("ask", "-m", "guide/guide", "hello"),
    "rename": command("rename", "last", "Terns"), "doctor": command("doctor", "--offline"),
}
print(json.dumps(answers))
"""


def without_rights(place: Path) -> Any:
    run_where_files_cannot_grow(place, MAKE + "make(); print('null')")
    return run_without_rights(place, READ)


def on_full_disk(place: Path) -> Any:
    return run_on_full_disk(place, MAKE + "make(); fill(place)\n" + READ)


def where_nothing_grows(place: Path) -> Any:
    return run_where_files_cannot_grow(place, MAKE + "make(); fill(place)\n" + READ)


@pytest.mark.parametrize(
    ("ways", "why"),
    [(without_rights, "Give your user the right"), (on_full_disk, "No space is left"), (where_nothing_grows, "disk")],
)
def test_a_history_is_read_and_exported_where_nothing_can_be_written(
    tmp_path: Path, ways: Callable[[Path], Any], why: str
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    if ways is on_full_disk and not can_mount():
        why = "The disk failed"  # of the limit that stands in for a full disk
    answers = ways(tmp_path / "data")
    assert {name: answer["code"] for name, answer in answers.items()} == {
        "list": 0, "show": 0, "search": 0, "export": 0, "json": 0, "ask": 1, "rename": 1, "doctor": 1,
    }  # fmt: skip
    assert "Where do terns breed?" in answers["list"]["out"]
    assert "In the Antarc" in answers["show"]["out"]  # what had come of the reply when its process died
    assert "arriving" not in answers["show"]["out"]
    assert "Arctic" in answers["search"]["out"]
    for name in ("show", "export", "json"):
        assert "In the Arctic." in answers[name]["out"]
    for name in ("ask", "rename"):
        assert why in answers[name]["err"]
        assert "Internal error" not in answers[name]["err"]
    (writing,) = [line for line in answers["doctor"]["out"].splitlines() if line.startswith("FAIL  writing: ")]
    assert why in writing


FILLING = (
    MAKE
    + """
from sterna.storage import StoreUnwritable

store = Store.open(open_account(place))
begun = store.live_replies.begin_turn(None, "Where do terns breed?", model="acme/small")
store.live_replies.save(begun.reply.id, "In the ", "")
fill(place)
answers = {"refused": 0}
for work in (
    lambda: store.live_replies.save(begun.reply.id, "In the Arctic " * 9_000, ""),
    lambda: store.live_replies.settle(begun.reply.id, Settled("done", "In the Arctic " * 9_000)),
):
    try:
        work()
    except StoreUnwritable as error:
        answers["refused"] += "Nothing was changed" not in str(error)
answers["question"] = [m.content for m in store.messages.after(begun.session.id, None, 9)]
answers["live"] = [reply.content for reply in store.arriving_replies.of()]
again = Store.open(store.db.path)  # another window, while there is no room
answers["elsewhere"] = [m.content for m in again.messages.after(begun.session.id, None, 9)]
free(place)
answers["settled"] = store.live_replies.settle(begun.reply.id, Settled("done", "In the Arctic.")).content
answers["writes again"] = again.conversations.rename(begun.session.id, "Terns").title
answers["for good"] = again.db.read_only
print(json.dumps(answers))
"""
)


@pytest.mark.parametrize("disk", [run_on_full_disk, run_where_files_cannot_grow])
def test_a_disk_that_fills_up_keeps_what_was_stored_and_goes_on_once_there_is_room(
    tmp_path: Path, disk: Callable[[Path, str], Any]
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    assert disk(tmp_path / "data", FILLING) == {
        "refused": 2,
        "question": ["Where do terns breed?"],
        "live": ["In the "],
        "elsewhere": ["Where do terns breed?"],
        "settled": "In the Arctic.",
        "writes again": "Terns",
        "for good": None,
    }


def test_a_file_of_an_older_schema_is_read_where_it_cannot_be_changed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    path = tmp_path / "data" / "a.db"
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=steps()[:-1])
    db.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
    db.execute("insert into chat_sessions (id, user_id, title) values ('s', 'u', 'Kept')")
    db.close()
    answers = run_without_rights(
        tmp_path / "data",
        """
from sterna.storage import Store
store = Store.open(place / "a.db")
files = [file.name for file in place.iterdir() if "backup" in file.name]
print(json.dumps([store.conversations.get("s").title, type(store.db.read_only).__name__, files]))
""",
    )
    assert answers == ["Kept", "StoreReadOnly", []]


def test_a_history_without_its_list_is_read_from_a_medium_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    Store.open(tmp_path / "data" / "copy.db").close()
    answers = run_without_rights(
        tmp_path / "data",
        "from sterna.storage import open_account\n"
        "print(json.dumps([open_account(place).name, len(list(place.iterdir()))]))",
    )
    assert answers[0] == "copy.db"


def test_a_copy_that_breaks_off_for_want_of_room_is_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    answers = run_where_files_cannot_grow(
        tmp_path / "data",
        """
from sterna.storage import Store, StoreUnwritable
store = Store.open(place / "a.db")
fill(place)
try:
    store.damaged_values.copy_file()
except StoreUnwritable:
    print(json.dumps([file.name for file in place.glob("*backup*")]))
""",
    )
    assert answers == []
