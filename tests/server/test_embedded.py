"""The embedded PostgreSQL: installed or not, as root, and on machines that withhold something from it."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import psycopg
import pytest

from sterna.server.database import embedded, shared_memory
from sterna.server.database.embedded import PostgresError
from sterna.server.database.postgres_programs import client_program
from sterna.server.database.unprivileged_user import UnprivilegedUser, allow_execution, allow_passage


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sterna without its extra for the embedded PostgreSQL."""
    monkeypatch.setattr("sterna.server.database.postgres_programs.find_spec", lambda name: None)


@pytest.mark.usefixtures("not_installed")
def test_without_the_extra_a_sentence_says_what_to_install_or_to_name(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match=r"Install sterna\[embedded\], or name .* with --database-url\."):
        embedded.start(tmp_path / "data" / "server" / "postgres")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("not_installed")
def test_without_the_extra_a_backup_uses_the_programs_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresError, match="pg_dump is not installed"):
        client_program("pg_dump")
    (tmp_path / "pg_dump").write_text("#!/bin/sh\n")
    (tmp_path / "pg_dump").chmod(0o755)
    assert client_program("pg_dump") == tmp_path / "pg_dump"


def test_what_root_opens_to_others_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for _ in range(2):
        embedded.start(closed / "postgres")
        embedded.stop(closed / "postgres")
    texts = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [str(closed) in sentence for sentence in texts] == ([True] if os.geteuid() == 0 else [])


def test_only_closed_folders_are_opened_and_none_can_be_listed(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    inner.chmod(0o700)
    inner.parent.chmod(0o711)
    assert allow_passage([inner, inner.parent]) == [inner]
    assert stat.S_IMODE(inner.stat().st_mode) == 0o701
    assert allow_passage([inner, inner.parent]) == []


def test_programs_that_others_may_run_already_stay_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir(mode=0o755)
    (folder / "postgres").touch(mode=0o700)
    (folder / "readme").touch(mode=0o600)
    assert allow_execution(folder)
    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in ("postgres", "readme")] == [0o705, 0o604]
    assert not allow_execution(folder)


def test_a_machine_that_can_create_no_user_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresError, match=r"useradd is missing\. Run Sterna as another user\."):
        UnprivilegedUser("nobody-of-this-name").prepare(tmp_path)


def memory_type(folder: Path) -> str:
    """Start PostgreSQL in ``folder``, and return where it keeps shared memory."""
    try:
        with psycopg.connect(embedded.start(folder).admin_url) as db:
            row = db.execute("show dynamic_shared_memory_type").fetchone()
    finally:
        embedded.stop(folder)
    assert row is not None
    return str(row[0])


def test_shared_memory_that_is_withheld_is_replaced_by_files_for_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = memory_type(tmp_path / "before")
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path / "missing")
    assert memory_type(tmp_path / "before") == memory_type(tmp_path / "during") == "mmap"
    monkeypatch.undo()
    assert memory_type(tmp_path / "before") == usual


@pytest.mark.parametrize(
    ("mode", "is_usable"), [(0o1777, True), (0o777, True), (0o775, False), (0o776, False), (0o700, False)]
)
def test_shared_memory_is_usable_for_another_user_if_its_folder_is_open_to_all(
    tmp_path: Path, mode: int, is_usable: bool
) -> None:
    folder = tmp_path / "shm"
    folder.mkdir()
    folder.chmod(mode)
    assert shared_memory.is_usable(folder, is_other_user=True) is is_usable
    assert shared_memory.is_usable(folder, is_other_user=False)


def test_shared_memory_that_is_full_is_not_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "MIN_FREE", 2**62)
    assert not shared_memory.is_usable(tmp_path, is_other_user=False)
