"""One log for all processes, of bounded size, readable by its owner only."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from sterna.config.log_file import MAX_BYTES, LogFile, append


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_log_is_its_owners_even_where_it_was_readable_by_all(tmp_path: Path) -> None:
    log = tmp_path / "sterna.log"
    log.touch(0o644)
    assert append(lambda: log, "first") == log
    assert (mode(log), log.read_text()) == (0o600, "first\n")


def test_a_large_log_begins_anew_and_the_one_before_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "sterna.log"
    append(lambda: log, "x" * (MAX_BYTES + 1))
    append(lambda: log, "new")
    assert log.read_text() == "new\n"
    assert (tmp_path / "sterna.log.1").stat().st_size == MAX_BYTES + 2
    assert mode(log) == mode(tmp_path / "sterna.log.1") == 0o600


def test_processes_that_write_at_once_lose_no_line(tmp_path: Path) -> None:
    script = """
import sys; from pathlib import Path; from sterna.config import log_file
log_file.MAX_BYTES = 20_000
for number in range(300): log_file.append(lambda: Path(sys.argv[1]), f"{sys.argv[2]} {number} " + "x" * 20)
"""
    log = tmp_path / "sterna.log"
    each = [subprocess.Popen([sys.executable, "-c", script, str(log), str(name)]) for name in range(4)]
    assert [process.wait(60) for process in each] == [0] * 4
    lines = [line for file in (tmp_path / "sterna.log.1", log) for line in file.read_text().splitlines()]
    assert len(lines) == len(set(lines)) == 1200
    assert all(line.endswith("x" * 20) for line in lines)


def test_the_chat_and_the_commands_write_the_same_way(tmp_path: Path) -> None:
    log = tmp_path / "sterna.log"
    handler = LogFile(lambda: log)
    handler.handle(logging.LogRecord("sterna.sync", logging.WARNING, "", 0, "odd \ud800 %s", ("text",), None))
    assert log.read_text().endswith("WARNING sterna.sync: odd \\ud800 text\n")


def test_milestones_of_analytics_are_kept_and_no_other_information(tmp_path: Path) -> None:
    log = tmp_path / "sterna.log"
    handler = LogFile(lambda: log)
    for name in ("sterna.sync", "sterna.analytics", "httpx"):
        handler.handle(logging.LogRecord(name, logging.INFO, "", 0, f"milestone of {name}", None, None))
    assert log.read_text().endswith("INFO sterna.analytics: milestone of sterna.analytics\n")
    assert log.read_text().count("\n") == 1


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    assert append(lambda: tmp_path / "no" / "folder" / "sterna.log", "text") is None
    (tmp_path / "link.log").symlink_to(tmp_path / "elsewhere")
    assert append(lambda: tmp_path / "link.log", "text") is None
