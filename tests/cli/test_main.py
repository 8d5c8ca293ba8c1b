"""Entry point of the program, from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from sterna.cli import commands
from sterna.cli import edit as changing
from sterna.cli.arguments import only_folders
from tests.cli.conftest import Run

STERNA = str(Path(sys.executable).with_name("sterna"))


def done(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in its own process, and return its result."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def python(script: str) -> subprocess.CompletedProcess[str]:
    return done(sys.executable, "-c", script)


def on_a_terminal(*arguments: str, **more: str) -> str:
    """Return the output of a command on a terminal."""
    environ = {**os.environ, "TERM": "xterm", **more}
    child = pexpect.spawn(STERNA, list(arguments), env=environ, encoding="utf-8", timeout=60)
    child.expect(pexpect.EOF)
    child.close()
    written: str = child.before
    return written


def test_the_version_is_told_and_nothing_is_made(home: Path) -> None:
    outcome = done(STERNA, "--version")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("sterna 0.")
    assert list(home.iterdir()) == [home / "config"]


def test_no_command_loads_the_screen(run: Run, server: object) -> None:
    run("list")  # the first opening of a file takes sqlite-utils
    for arguments in (["list"], ["search", "x"], ["doctor", "--offline"], ["export"], ["--help"]):
        outcome = python(
            f"import sys; from sterna import cli; cli.main({arguments!r});"
            "print({'textual', 'httpx', 'sqlite_utils', 'keyring'} & sys.modules.keys(), file=sys.stderr)"
        )
        assert outcome.stderr == "set()\n", arguments


def test_asking_does_not_load_the_screen_either(configured: Path) -> None:
    ours = "sync.auth.accounts storage.sync.merge storage.conversations.undo storage.conversations.search"
    ours += " providers.discovery providers.guide_answers providers.error_patterns chat.one_off config.personas"
    unwanted = {"textual", "rich", "pygments", *(f"sterna.{name}" for name in ours.split())}
    outcome = python(
        f"import sys; from sterna import cli; cli.main(['ask', 'hi']); print({unwanted!r} & sys.modules.keys())"
    )
    assert outcome.stdout == "You said: hi\nset()\n", outcome.stderr


def test_without_a_command_the_chat_opens_and_nothing_else_is_loaded(home: Path) -> None:
    outcome = python("""
import sys, types
given = {}
sys.modules["sterna.tui"] = types.SimpleNamespace(run=lambda **places: given.update(places) or 7)
from sterna import cli
assert cli.main(["--data-dir", "a", "--config-dir=b"]) == 7
unwanted = {"click", "sterna.storage", "sterna.config.settings", "httpx"}
print(given["data_dir"], given["config_dir"], unwanted & sys.modules.keys())
""")
    assert outcome.stdout == "a b set()\n", outcome.stderr


@pytest.mark.parametrize("line", ["--data-dir", "--nonsense", "lst", "list --nonsense", "show a b", "rename last"])
def test_what_is_not_understood_is_a_sentence_and_code_2(run: Run, line: str) -> None:
    result = run(*line.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("sterna: ")
    assert "--help" in result.err


@pytest.mark.parametrize(
    "line",
    [
        *("ask -t nan x", "ask -t inf x", "search -n 99999999999999999999 x", "list -n 99999999999999999999"),
        *("undo 99999999999999999999", "sync conflicts use 99999999999999999999"),
        *("serve --account-megabytes 99999999999999999999", "serve --connections 99999999999999999999"),
    ],
)
def test_a_number_that_cannot_be_is_a_sentence_and_code_2(run: Run, line: str) -> None:
    result = run(*line.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("sterna: Invalid value for ")


@pytest.mark.parametrize("line", ["list --data-dir X", "serve --data-dir X", "search --config-dir=X y"])
def test_a_folder_named_after_the_command_is_told_its_place(run: Run, line: str) -> None:
    result = run(*line.split())
    option = line.split()[1].partition("=")[0]
    assert (result.code, result.err.startswith(f"sterna: Put {option} before the command")) == (2, True)


def test_a_folder_in_place_of_the_data_file_is_named(run: Run, home: Path) -> None:
    (home / "data" / "sterna.db").mkdir(parents=True)
    for command in ("list", "profile"):
        result = run(command)
        assert (result.code, "sterna.db is a folder" in result.err) == (1, True)


def test_the_help_names_commands_in_ordinary_words(run: Run) -> None:
    output = run("--help").out
    for sentence in ("Show your account and usage.", "Delete your account.", "Sync your history with the server."):
        assert sentence in output
    assert "Check the setup and report problems." in output
    assert "Usage analytics: see what is sent, turn it on or off." in output
    assert "Maximum megabytes that an account can upload in total." in " ".join(run("serve", "--help").out.split())


def test_a_group_without_its_command_shows_what_there_is(run: Run) -> None:
    result = run("keys")
    assert (result.code, result.out) == (2, "")
    assert result.err == run("keys", "--help").out


def test_every_command_explains_itself(run: Run) -> None:
    listed = run("--help").out
    for name in commands.COMMANDS:
        assert f"\n  {name} " in listed
        assert len(run(name, "--help").out) > 100


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_to_complete(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.code == 0
    assert "_STERNA_COMPLETE" in result.out


def test_conversations_are_completed_by_name_with_their_titles(configured: Path, run: Run) -> None:
    run("ask", "About terns")
    name = run("list", "--json").lines()[0]["name"]
    environ = {"_STERNA_COMPLETE": "zsh_complete", "COMP_WORDS": f"sterna show {name[:2]}", "COMP_CWORD": "2"}
    assert done(STERNA, **environ).stdout.split("\n")[:3] == ["plain", name, "About terns"]


def test_a_mistake_in_the_program_is_a_sentence_that_names_the_log(home: Path) -> None:
    outcome = python("""
import sys
from sterna import cli
from sterna.storage import Conversations
Conversations.page = lambda *a, **k: 1 / 0
sys.exit(cli.main(["list"]))
""")
    log = home / "data" / "sterna.log"
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("sterna: Internal error (ZeroDivisionError).")
    assert str(log) in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "ZeroDivisionError: division by zero" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_no_mistake_no_log(run: Run, home: Path) -> None:
    run("list")
    assert not (home / "data" / "sterna.log").exists()


def test_an_interrupted_command_says_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(changing, "find_conversation", interrupted)
    result = run("rename", "last", "x")
    assert (result.code, result.out, "Traceback" in result.err) == (130, "", False)


def test_a_reader_who_leaves_is_no_error(run: Run, configured: Path) -> None:
    run("ask", "!words 14000")
    outcome = done("bash", "-c", f"'{STERNA}' show last | head -1; echo ${{PIPESTATUS[0]}}")
    assert outcome.stderr == ""
    assert outcome.stdout.splitlines() == ["# !words 14000", "141"]


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that sets the time zone."""

    def enter(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield enter
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("zone", ["XXX24", "XXX-30", "XXX167"])
def test_a_time_zone_days_away_counts_as_utc(
    run: Run, configured: Path, in_zone: Callable[[str], None], zone: str
) -> None:
    run("ask", "hello")
    in_zone("UTC")
    in_utc = [run(*command) for command in (("list",), ("search", "hello after:2020"), ("show",))]
    in_zone(zone)
    assert [run(*command) for command in (("list",), ("search", "hello after:2020"), ("show",))] == in_utc
    assert [result.code for result in in_utc] == [0, 0, 0]


def test_colour_is_for_terminals_that_want_it(run: Run, configured: Path) -> None:
    run("ask", "hello")
    assert "\x1b[1m" in on_a_terminal("show", "last")
    for refusal in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal("show", "last", **refusal)
    assert "\x1b" not in run("show").out


def test_the_folders_named_on_the_command_line_win(run: Run, tmp_path: Path) -> None:
    result = run("--data-dir", str(tmp_path / "elsewhere"), "--config-dir", str(tmp_path / "c"), "doctor", "--offline")
    assert str(tmp_path / "elsewhere") in result.out
    assert str(tmp_path / "c" / "config.toml") in result.out
    assert not (tmp_path / "data").exists()
    assert only_folders(["--data-dir=x"]) == {"--data-dir": Path("x")}
