"""Closed descriptors, full disks and unreadable input result in a sentence and an exit code, without lost data."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_main import STERNA


def shell(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``sterna`` is the program."""
    script = f"sterna() {{ '{STERNA}' \"$@\"; }}; {line}"
    return subprocess.run(["bash", "-c", script], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


COMMANDS = (
    "list",
    "show",
    "search hello",
    "export",
    "export --format markdown",
    "doctor --offline",
    "--help",
    "--version",
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("where", "why"), [(">&-", "it is closed"), (">/dev/full", "No space left on device")])
def test_output_that_cannot_be_written_is_a_sentence(
    run: Run, configured: Path, command: str, where: str, why: str
) -> None:
    run("ask", "hello")
    outcome = shell(f"sterna {command} {where}")
    assert outcome.stderr.decode() == f"sterna: Standard output cannot be written ({why}).\n"
    assert outcome.returncode == 1


def test_asking_with_a_closed_output_asks_nobody(run: Run, configured: Path) -> None:
    outcome = shell("sterna ask hello >&-")
    assert (outcome.returncode, outcome.stderr.decode().count("it is closed")) == (1, 1)
    assert run("list").out == ""


def test_a_reply_that_fills_the_disk_of_a_redirect_is_kept(run: Run, configured: Path) -> None:
    outcome = shell("sterna ask hello >/dev/full")
    assert outcome.stderr.decode() == "sterna: Standard output cannot be written (No space left on device).\n"
    assert outcome.returncode == 1
    assert run("show", "--json").json()["messages"][1]["content"].startswith("You said")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_without_a_place_for_errors_the_exit_code_is_what_it_would_be(run: Run, configured: Path, where: str) -> None:
    run("ask", "hello")
    assert shell(f"sterna nonsense {where}").returncode == 2
    assert shell(f"sterna show nothing {where}").returncode == 1
    outcome = shell(f"sterna ask again {where}")
    assert (outcome.returncode, outcome.stdout) == (0, b"You said: again\n")


def test_a_closed_input_is_an_empty_one(run: Run, configured: Path) -> None:
    outcome = shell("sterna ask hello <&-")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, b"You said: hello\n", b"")
    nothing = shell("sterna ask <&-")
    assert (nothing.returncode, nothing.stderr.decode().startswith("sterna: The prompt is empty")) == (2, True)


def test_all_three_closed_leaves_the_history_whole(run: Run, configured: Path) -> None:
    run("ask", "hello")
    assert shell("sterna rename last Terns <&- >&- 2>&-").returncode == 1
    assert shell("sterna list <&- >&- 2>&-").returncode == 1
    assert run("list", "--json").lines()[0]["title"] == "Terns"
    assert run("doctor", "--offline").code == 0


@pytest.mark.parametrize("line", ["sterna <&-", "sterna <&- >&-", "sterna </dev/null >&- 2>/dev/null", "sterna | cat"])
def test_the_chat_without_a_terminal_is_refused_in_words(home: Path, line: str) -> None:
    outcome = shell(f"set -o pipefail; {line}")
    assert outcome.returncode == 2
    assert b"Traceback" not in outcome.stdout + outcome.stderr


def test_input_that_cannot_be_read_is_a_sentence(configured: Path) -> None:
    outcome = shell("sterna ask 0>/dev/null")  # open for writing only
    assert outcome.stderr.decode() == "sterna: Standard input cannot be read (Bad file descriptor).\n"
    assert outcome.returncode == 1


def test_input_that_is_not_utf_8_is_asked_and_said(run: Run, configured: Path) -> None:
    result = run("ask", stdin=b"caf\xe9 \xff and \xef\xbf\xbd")
    assert (result.code, result.out) == (0, "You said: caf\ufffd \ufffd and \ufffd\n")
    assert result.err == "sterna: Standard input is not UTF-8 text; 2 invalid sequences replaced by \ufffd.\n"
    assert run("ask", stdin=b"\xef\xbb\xbfhi").out == "You said: hi\n"
