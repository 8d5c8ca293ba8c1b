"""Drafts, earlier prompts, and the state of the screen."""

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
    session = store.conversations.create().id
    store.drafts.save(session, "half a\0 thought")
    store.drafts.save(None, "a new one")
    store.close()
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    assert (store.drafts.get(session), store.drafts.get(None), store.drafts.get("other")) == (
        "half a thought",
        "a new one",
        "",
    )
    store.drafts.save(session, "")
    assert store.drafts.get(session) == ""
    assert store.db.rows("select session_id from drafts")[0]["session_id"] == ""
    store.close()


@pytest.mark.parametrize("place", [None, "conversation"])
def test_two_windows_never_see_or_overwrite_each_others_draft(tmp_path: Path, place: str | None) -> None:
    clock = Ticking()
    one, two = (Store.open(tmp_path / "a.db", clock=clock) for _ in range(2))
    session = one.conversations.create().id if place else None
    one.drafts.save(session, "the first window's")
    assert two.drafts.get(session) == ""
    two.drafts.save(session, "the second window's")
    one.drafts.save(session, "the first window's text")
    assert (one.drafts.get(session), two.drafts.get(session)) == ("the first window's text", "the second window's")
    two.drafts.save(session, "")  # sent
    assert (one.drafts.get(session), two.drafts.get(session)) == ("the first window's text", "")
    one.close()
    assert two.drafts.get(session) == "the first window's text"
    two.close()


def test_drafts_of_windows_that_are_gone_are_taken_over_one_by_one(tmp_path: Path) -> None:
    clock = Ticking()
    windows = [Store.open(tmp_path / "a.db", clock=clock) for _ in range(3)]
    for number, window in enumerate(windows):
        window.drafts.save(None, f"draft {number}")
    for window in windows:
        window.close()
    first, second = (Store.open(tmp_path / "a.db", clock=clock) for _ in range(2))
    assert first.drafts.unclaimed() == 3
    assert (first.drafts.get(None), first.drafts.get(None), first.drafts.unclaimed()) == ("draft 2", "draft 2", 2)
    assert second.drafts.get(None) == "draft 1"
    first.drafts.save(None, "")
    assert (first.drafts.get(None), first.drafts.unclaimed()) == ("draft 0", 0)
    first.close()
    second.close()
    assert not list(tmp_path.glob("*.live"))


CRASH = """
import os, sys, pathlib
from sterna.storage import Store
from sterna.storage.database.migrations import HERE, migrate, steps

ROOT = HERE.parent
store = Store.open(pathlib.Path(sys.argv[1]))
store.drafts.save(None, "half a thought")
os._exit(9)
"""


def test_a_draft_survives_the_death_of_its_window_and_two_that_open_at_once_share_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)], cwd=ROOT, check=False).returncode == 9
    one, two = Store.open(path), Store.open(path)
    assert {one.drafts.get(None), two.drafts.get(None)} == {"half a thought", ""}
    assert [row["content"] for row in one.db.rows("select content from drafts")] == ["half a thought"]
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
    assert store.drafts.get(None) == "old"
    store.drafts.save(None, "")
    assert (store.drafts.get(None), store.drafts.unclaimed()) == ("", 0)
    store.close()


def test_a_draft_that_is_kept_already_is_not_written_again(store: Store) -> None:
    store.drafts.save(None, "same")
    written = store.db.connection.total_changes
    store.drafts.save(None, "same")
    store.local_state.set("width", None)
    assert store.db.connection.total_changes == written


def test_earlier_prompts_come_newest_first_each_once(store: Store) -> None:
    session = exchange(store, "one").session_id
    exchange(store, "two", session_id=session)
    middle = store.messages.before(session, None, 1)[0].message_timestamp
    exchange(store, "one")
    exchange(store, "x" * 30_000)
    assert store.drafts.prompt_history() == ["one", "two"]
    assert store.drafts.prompt_history(1) == ["one"]
    assert store.drafts.prompt_history(before=middle) == ["two", "one"]


def test_the_state_of_the_screen_is_anything_that_json_can_say(store: Store) -> None:
    store.local_state.set("sidebar", {"width": 32, "open": [True, None, "é"]})
    assert store.local_state.get("sidebar") == {"width": 32, "open": [True, None, "é"]}
    store.local_state.set("sidebar", None)
    assert store.local_state.get("sidebar") is None
