"""A history whose file is gone or empty is not taken for a new one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import exchange

from sterna.storage import Store, StoreCorrupt, StoreMissing, open_account
from sterna.storage.accounts import registry as accounts


def history(folder: Path) -> Path:
    """A history of one exchange, closed."""
    path = open_account(folder)
    store = Store.open(path)
    exchange(store, "hello")
    store.close()
    return path


@pytest.mark.parametrize("loss", [lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_file_that_was_opened_once_and_is_gone_is_told_and_never_made_anew(tmp_path: Path, loss: object) -> None:
    path = history(tmp_path)
    assert callable(loss)
    loss(path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreMissing, match=r"your conversations were in it\. .* put it back|Put it back"):
        Store.open(open_account(tmp_path))
    assert sorted(tmp_path.iterdir()) == before
    copy = path.with_name(f"{path.stem}.backup-3-2026-03-01T120000.db")
    copy.touch()
    with pytest.raises(StoreMissing, match=f"rename the newest copy, {copy}, to {path.name}"):
        Store.open(open_account(tmp_path))


def test_a_history_from_before_the_list_said_so_is_noted_when_it_is_opened(tmp_path: Path) -> None:
    path = history(tmp_path)
    registry = tmp_path / "accounts.json"
    content = json.loads(registry.read_text())
    del content["accounts"][0][accounts.OPENED]
    registry.write_text(json.dumps(content))
    Store.open(path).close()
    path.write_bytes(b"")
    with pytest.raises(StoreMissing):
        Store.open(path)


def test_an_empty_file_with_a_journal_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    journal = tmp_path / "a.db-wal"
    journal.write_bytes(b"x" * 4152)
    with pytest.raises(StoreMissing, match="is empty"):  # SQLite would remove the journal
        Store.open(path)
    assert journal.stat().st_size == 4152


def test_a_first_start_that_broke_off_begins_again(tmp_path: Path) -> None:
    path = open_account(tmp_path)
    path.touch()  # made, and then the power failed
    store = Store.open(path)
    assert store.conversations.count() == 0
    store.close()


def test_a_list_that_was_lost_finds_the_history_beside_it(tmp_path: Path) -> None:
    path = history(tmp_path)
    (tmp_path / "accounts.json").unlink()
    assert open_account(tmp_path) == path
    (tmp_path / "accounts.json").unlink()
    (tmp_path / "other.db").write_bytes(path.read_bytes())
    with pytest.raises(StoreCorrupt, match="several histories"):
        open_account(tmp_path)
    assert not (tmp_path / "accounts.json").exists()


def test_after_the_list_is_moved_away_an_empty_file_is_no_history(tmp_path: Path) -> None:
    path = history(tmp_path)
    path.write_bytes(b"")
    (tmp_path / "accounts.json").unlink()
    assert open_account(tmp_path) != path
    Store.open(open_account(tmp_path)).close()
