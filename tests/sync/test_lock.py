"""One process syncs a history; when it ends, however it ends, another one can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sterna.sync.lock import SyncLock

HOLD = """
import sys
from pathlib import Path
from sterna.sync.lock import SyncLock
print(SyncLock(Path(sys.argv[1])).acquire(), flush=True)
sys.stdin.read()
"""


def test_the_lock_is_one_process_s_until_that_ends(tmp_path: Path) -> None:
    database = tmp_path / "account.db"
    ours = SyncLock(database)
    assert ours.acquire()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "False\n"
        other.kill()
    ours.release()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not ours.acquire()
        other.kill()  # no chance to give anything back
        other.wait()
        assert ours.acquire()
    ours.release()


def test_it_lies_beside_the_history_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    lock = SyncLock(tmp_path / "account.db")
    lock.acquire()
    assert (tmp_path / "account.db.sync-lock").stat().st_mode & 0o777 == 0o600
    lock.release()


def test_two_in_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    first, second = SyncLock(tmp_path / "account.db"), SyncLock(tmp_path / "account.db")
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_where_no_lock_can_be_made_the_fence_alone_does_it(tmp_path: Path) -> None:
    (tmp_path / "account.db.sync-lock").mkdir()
    lock = SyncLock(tmp_path / "account.db")
    assert lock.acquire()
    lock.release()
