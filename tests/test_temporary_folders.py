"""Files that runs of the tests leave in the temporary folder of the computer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import temporary_folders

ROOT = Path(__file__).parent.parent
PREFIX = "run-"
RUN = """
import os, sys
from pathlib import Path
from tests import temporary_folders
folder = temporary_folders.new_folder(Path(sys.argv[1]), "run-")
database = folder / "test" / "postgres"
(database / "base").mkdir(parents=True)
for name in ("PG_VERSION", "postgresql.conf", "log"):
    (database / name).touch()
print(folder, flush=True)
"""
ENDS = {
    "all is well": "",
    "a test failed": "temporary_folders.keep(folder)",
    "killed": "os._exit(1)",
    "still running": "sys.stdin.read()",
}


def begin(folder: Path, end: str) -> tuple[subprocess.Popen[str], Path]:
    """Begin a run; return its process, and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN + ENDS[end], str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize(
    ("end", "is_there", "has_database"),
    [
        ("all is well", False, False),
        ("a test failed", True, False),
        ("killed", True, True),
        ("still running", True, True),
    ],
)
def test_a_run_leaves_little_and_the_next_run_removes_it(
    tmp_path: Path, end: str, is_there: bool, has_database: bool
) -> None:
    process, folder = begin(tmp_path, end)
    with process:
        if end != "still running":
            process.wait(30)
        assert (folder / "test" / "postgres" / "log").exists() == is_there
        assert (folder / "test" / "postgres" / "base").exists() == has_database
        temporary_folders.remove_abandoned(tmp_path, PREFIX)
        assert folder.exists() == (end == "still running")
        process.communicate("", timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_files_are_in_memory_where_there_is_room_and_nobody_chose_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, usual = tmp_path / "memory", tmp_path / "usual"
    memory.mkdir()
    monkeypatch.setattr(temporary_folders, "IN_MEMORY", memory)
    monkeypatch.setattr(tempfile, "tempdir", str(usual))
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(temporary_folders, "ROOM", 1)
    assert temporary_folders.usual_parent() == memory
    monkeypatch.setattr(temporary_folders, "ROOM", 2**62)
    assert temporary_folders.usual_parent() == usual
    monkeypatch.setattr(temporary_folders, "ROOM", 1)
    monkeypatch.setenv("TMPDIR", str(usual))
    assert temporary_folders.usual_parent() == usual
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(temporary_folders, "IN_MEMORY", tmp_path / "none")
    assert temporary_folders.usual_parent() == usual
