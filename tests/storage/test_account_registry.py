"""The list of accounts: what is current, whose each file is, and that nothing of it is ever half written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sterna.storage import AccountEntry, NotFound, StoreFull, StoreTooNew, open_account
from sterna.storage.accounts import registry

ADA = AccountEntry(
    "ada.db", "ada@example.org", "https://a.example", "11111111-1111-4111-8111-111111111111", "sterna", True
)


def test_the_first_account_is_this_computer_and_belongs_to_no_server(tmp_path: Path) -> None:
    found = registry.current(tmp_path)
    assert (found.name, found.origin, found.local, found.sending) == ("This device", "", True, False)
    assert registry.listed(tmp_path) == [found]
    assert tmp_path / found.file == open_account(tmp_path)


def test_an_account_is_noted_beside_the_others_and_can_be_switched_to(tmp_path: Path) -> None:
    local = registry.current(tmp_path)
    registry.keep(tmp_path, ADA)
    assert registry.listed(tmp_path) == [local, ADA]
    assert registry.current(tmp_path) == local
    registry.switch(tmp_path, ADA.file)
    assert registry.current(tmp_path) == ADA
    assert open_account(tmp_path) == tmp_path / "ada.db"
    registry.switch(tmp_path, local.file)
    assert registry.current(tmp_path) == local


def test_a_local_account_becomes_a_signed_in_one_in_its_place(tmp_path: Path) -> None:
    local = registry.current(tmp_path)
    signed = AccountEntry(local.file, "ada@example.org", "https://a.example", ADA.user_id, "sterna", False)
    registry.keep(tmp_path, signed, make_current=True)
    assert registry.listed(tmp_path) == [signed]


def test_what_is_not_there_cannot_be_switched_to(tmp_path: Path) -> None:
    before = registry.current(tmp_path)
    with pytest.raises(NotFound):
        registry.switch(tmp_path, "other.db")
    assert registry.current(tmp_path) == before


def test_what_a_later_version_noted_stays(tmp_path: Path) -> None:
    registry.keep(tmp_path, ADA)
    path = tmp_path / "accounts.json"
    content = json.loads(path.read_text())
    content["accounts"][1]["colour"] = "blue"
    content["more"] = 1
    path.write_text(json.dumps(content))
    registry.keep(tmp_path, ADA, make_current=True)
    content = json.loads(path.read_text())
    assert (content["accounts"][1]["colour"], content["more"], content["current"]) == ("blue", 1, "ada.db")


def test_a_list_of_a_newer_version_is_read_and_not_written(tmp_path: Path) -> None:
    registry.keep(tmp_path, ADA)
    path = tmp_path / "accounts.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    before = path.read_text()
    with pytest.raises(StoreTooNew, match="newer Sterna"):
        registry.switch(tmp_path, ADA.file)
    assert path.read_text() == before
    assert len(registry.listed(tmp_path)) == 2


def test_the_list_is_for_its_owner_and_holds_no_more_than_names(tmp_path: Path) -> None:
    registry.keep(tmp_path, ADA)
    path = tmp_path / "accounts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())["accounts"][1]) == {
        "file", "name", "origin", "user_id", "kind", "sending",
    }  # fmt: skip
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".accounts")] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.current(tmp_path)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    before = (tmp_path / "accounts.json").read_text()
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreFull, match="No space is left"):
        registry.keep(tmp_path, ADA)
    assert (tmp_path / "accounts.json").read_text() == before


NOTE = """
import sys
from pathlib import Path
from sterna.storage import AccountEntry
from sterna.storage.accounts import registry
for number in range(20):
    registry.keep(Path(sys.argv[1]), AccountEntry(f"{sys.argv[2]}{number}.db"))
"""


def test_processes_that_note_accounts_at_once_lose_none(tmp_path: Path) -> None:
    registry.current(tmp_path)
    started = [subprocess.Popen([sys.executable, "-c", NOTE, tmp_path, name]) for name in "abc"]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    assert len(registry.listed(tmp_path)) == 61


def test_a_new_file_has_a_name_that_no_file_has(tmp_path: Path) -> None:
    (tmp_path / "aaaaaaaaaaaa.db").touch()
    tokens = iter("ab")
    assert registry.new_file(tmp_path, token=lambda length: next(tokens) * length) == "bbbbbbbbbbbb.db"
