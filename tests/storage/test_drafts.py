"""What was typed, sent before, and how the screen was left."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from builders import exchange
from ticking import Ticking

from sterna.storage import Store
from sterna.storage.database.migrations import HERE, migrate, steps

ROOT = HERE.parent


def test_a_draft_is_there_after_a_restart_one_for_each_conversation(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    session = store.create_session().id
    store.save_draft(session, "half a\0 thought")
    store.save_draft(None, "a new one")
    store.close()
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    assert (store.draft(session), store.draft(None), store.draft("other")) == ("half a thought", "a new one", "")
    store.save_draft(session, "")
    assert store.draft(session) == ""
    assert store.rows("select session_id from drafts")[0]["session_id"] == ""
    store.close()


@pytest.mark.parametrize("place", [None, "conversation"])
def test_two_windows_never_see_or_overwrite_each_others_draft(tmp_path: Path, place: str | None) -> None:
    clock = Ticking()
    one, two = (Store.open(tmp_path / "a.db", clock=clock) for _ in range(2))
    session = one.create_session().id if place else None
    one.save_draft(session, "the first window's")
    assert two.draft(session) == ""
    two.save_draft(session, "the second window's")
    one.save_draft(session, "the first window's text")
    assert (one.draft(session), two.draft(session)) == ("the first window's text", "the second window's")
    two.save_draft(session, "")  # sent
    assert (one.draft(session), two.draft(session)) == ("the first window's text", "")
    one.close()
    assert two.draft(session) == "the first window's text"
    two.close()


def test_drafts_of_windows_that_are_gone_are_taken_over_one_by_one(tmp_path: Path) -> None:
    clock = Ticking()
    windows = [Store.open(tmp_path / "a.db", clock=clock) for _ in range(3)]
    for number, window in enumerate(windows):
        window.save_draft(None, f"draft {number}")
    for window in windows:
        window.close()
    first, second = (Store.open(tmp_path / "a.db", clock=clock) for _ in range(2))
    assert first.drafts_left() == 3
    assert (first.draft(None), first.draft(None), first.drafts_left()) == ("draft 2", "draft 2", 2)
    assert second.draft(None) == "draft 1"
    first.save_draft(None, "")
    assert (first.draft(None), first.drafts_left()) == ("draft 0", 0)
    first.close()
    second.close()
    assert not list(tmp_path.glob("*.live"))


CRASH = """
import os, sys, pathlib
from sterna.storage import Store
from sterna.storage.database.migrations import HERE, migrate, steps

ROOT = HERE.parent
store = Store.open(pathlib.Path(sys.argv[1]))
store.save_draft(None, "half a thought")
os._exit(9)
"""


def test_a_draft_survives_the_death_of_its_window_and_two_that_open_at_once_share_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)], cwd=ROOT, check=False).returncode == 9
    one, two = Store.open(path), Store.open(path)
    assert {one.draft(None), two.draft(None)} == {"half a thought", ""}
    assert [row["content"] for row in one.rows("select content from drafts")] == ["half a thought"]
    one.close()
    two.close()


def test_a_draft_from_before_there_was_one_a_window_is_the_next_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    before = [step for step in steps() if step.stem < "22"]
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=before)
    db.execute("insert into drafts (session_id, content, updated_at) values ('', 'old', '2026-01-01T00:00:00.000000Z')")
    db.close()
    store = Store.open(path)
    assert store.draft(None) == "old"
    store.save_draft(None, "")
    assert (store.draft(None), store.drafts_left()) == ("", 0)
    store.close()


def test_a_draft_that_is_kept_already_is_not_written_again(store: Store) -> None:
    store.save_draft(None, "same")
    written = store.db.total_changes
    store.save_draft(None, "same")
    store.set_local("width", None)
    assert store.db.total_changes == written


def test_earlier_prompts_come_newest_first_each_once(store: Store) -> None:
    session = exchange(store, "one").session_id
    exchange(store, "two", session_id=session)
    middle = store.messages_before(session, None, 1)[0].message_timestamp
    exchange(store, "one")
    exchange(store, "x" * 30_000)
    assert store.prompt_history() == ["one", "two"]
    assert store.prompt_history(1) == ["one"]
    assert store.prompt_history(before=middle) == ["two", "one"]


def test_the_state_of_the_screen_is_anything_that_json_can_say(store: Store) -> None:
    store.set_local("sidebar", {"width": 32, "open": [True, None, "é"]})
    assert store.get_local("sidebar") == {"width": 32, "open": [True, None, "é"]}
    store.set_local("sidebar", None)
    assert store.get_local("sidebar") is None
