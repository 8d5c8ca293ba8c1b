"""Sync text of the status line and of `sterna doctor`."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from sterna.storage import Store
from sterna.sync.status import Phase, SyncReport, idle_report, status_line, sync_status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = int(datetime(2026, 3, 1, 14, 5, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (SyncReport(), "local only"),
        (SyncReport("off"), "sync off"),
        (SyncReport("synced"), "synced"),
        (SyncReport("waiting", waiting=3), "3 waiting"),
        (SyncReport("waiting", waiting=9_999), "9,999 waiting"),
        (SyncReport("waiting", waiting=10_000), "10,000+ waiting"),
        (SyncReport("waiting", waiting=2, rejected=1), "2 waiting · 1 rejected"),
        (SyncReport("synced", rejected=2), "synced · 2 rejected"),
        (SyncReport("synced", conflicts=1), "synced · 1 conflict"),
        (SyncReport("waiting", waiting=1, conflicts=2), "1 waiting · 2 conflicts"),
        (SyncReport("syncing"), "syncing"),
        (SyncReport("syncing", done=12_000, total=100_000), "syncing 12,000 of 100,000"),
        (SyncReport("syncing", done=7, total=5), "syncing 5 of 5"),
        (SyncReport("offline"), "offline"),
        (SyncReport("offline", waiting=3), "offline · 3 waiting"),
        (SyncReport("portal"), "network needs sign-in"),
        (SyncReport("signin", waiting=1), "needs sign-in · 1 waiting"),
        (SyncReport("update"), "update needed"),
        (SyncReport("paused", until_ms=AT), "paused until 14:05"),
        (SyncReport("paused", until_ms=AT + 86_400_000), "paused until 2026-03-02 14:05"),
        (SyncReport("paused"), "paused"),
        (SyncReport("blocked"), "sync stopped"),
    ],
)
def test_every_state_has_its_words(report: SyncReport, text: str) -> None:
    assert status_line(report, NOW, UTC) == text


def test_no_phase_is_without_words() -> None:
    assert all(status_line(SyncReport(phase), NOW, UTC) for phase in get_args(Phase))


def test_a_time_is_shown_where_the_person_is() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    assert status_line(SyncReport("paused", until_ms=AT), NOW, there) == "paused until 19:35"
    assert status_line(SyncReport("paused", until_ms=AT + 5 * 3_600_000), NOW, there) == "paused until 2026-03-02 00:35"


def test_a_history_without_an_account_is_local_only_and_keeps_its_changes(store: Store) -> None:
    assert sync_status(store) == "local only"
    store.conversations.create("Geese")
    assert sync_status(store) == "local only · 1 change saved until you sign in"
    store.conversations.create("Terns")
    assert sync_status(store) == "local only · 2 changes saved until you sign in"


def test_a_history_of_an_account_says_what_waits_and_whether_it_may_be_sent(store: Store) -> None:
    store.conversations.create("Geese")
    store.linking.adopt("https://sterna.example.org", "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f", "ada@example.org")
    assert sync_status(store) == "1 waiting"
    assert idle_report(store, sending=False) == SyncReport("off", waiting=1)
    assert sync_status(store, sending=False) == "sync off · 1 waiting"


def test_a_report_loads_neither_network_nor_store() -> None:
    unwanted = {"httpx", "sqlite3", "sterna.storage", "asyncio"}
    script = f"import sys, sterna.sync.status; print(sorted({unwanted!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr
