"""What holds for the history of every program: twice is as good as once, and an import can be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from imports import statuses, take_samples

from sterna.storage import Store

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
def test_twice_is_as_good_as_once_and_an_import_can_be_taken_back(store: Store, name: str) -> None:
    first = take_samples(store, SAMPLES / name)
    assert "new" in statuses(first)
    assert set(statuses(first)) <= {"new", "updated", "unchanged"}  # a program may keep one in two files
    before = everything(store)
    again = take_samples(store, SAMPLES / name)
    assert set(statuses(again)) <= {"unchanged", "older"}
    assert everything(store) == before
    mine = next(taken.id for taken in first if taken.status == "new")
    store.conversations.rename(mine, "Mine")
    assert set(statuses(take_samples(store, SAMPLES / name))) <= {"unchanged", "older"}
    assert store.conversations.get(mine).title == "Mine"
    undone = store.import_runs.undo()
    assert (undone.kept, undone.restored) == (1, 0)
    assert [row["id"] for row in store.db.rows("select id from chat_sessions")] == [mine]


def everything(store: Store) -> list[tuple[object, ...]]:
    """Return what is kept of conversations, messages and settings."""
    return [
        tuple(row)
        for table in ("chat_sessions", "chat_messages", "session_settings", "user_usage_daily", "sync_outbox")
        for row in store.db.rows(f"select * from {table}")
    ]
