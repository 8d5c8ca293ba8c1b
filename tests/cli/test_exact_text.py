"""Files get unchanged text of model and user; a terminal gets text without control and invisible characters."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.cli.conftest import Run
from tests.cli.test_main import STERNA
from tests.fake_openai import Script, Server

ODD = (
    "marks \u200f\u200e\u00ad\u2060\ufeff end",
    "joiners \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0915\u094d\u200d\u0937 \U0001f9d1\u200d\U0001f680",
    "spaces \u3000 \u00a0 \u202f.",
    "dos\r\nlines\r\n",
    "lone \r return",
    "separators \u2028 \u2029 \x85.",
    "direction \u202eevil\u202c \u2066x\u2069",
    "control \x07 \x1b[31mred\x1b[0m \x9b1m",
)
REPLIES = (" | ".join(ODD), "ends with lines\n\n\n", "\n\nbegins with lines")


@pytest.mark.parametrize("text", REPLIES, ids=["odd", "lines at the end", "lines at the beginning"])
def test_a_redirected_reply_is_what_the_model_wrote(
    configured: Path, server: Server, text: str, tmp_path: Path
) -> None:
    server.fake.reply = lambda body: Script(tuple(text))
    files = [tmp_path / name for name in ("asked", "shown", "exported")]
    for file, command in zip(files, ("ask question", "show last", "export --format markdown"), strict=True):
        with file.open("wb") as out:
            subprocess.run([STERNA, *command.split()], stdout=out, stdin=subprocess.DEVNULL, check=True, timeout=60)
    reply, shown, exported = (file.read_bytes() for file in files)
    whole = text.encode()
    assert reply == (whole if text.endswith("\n") else whole + b"\n")
    assert shown.count(whole) == exported.count(whole) == 1


def test_a_file_is_utf_8_in_every_locale(configured: Path, server: Server) -> None:
    server.fake.reply = lambda body: Script(("\u6771\u4eac \u20ac",))
    for locale in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        command = [STERNA, "ask", "hi"]
        out = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env={**os.environ, **locale})
        assert out.stdout.decode() == "\u6771\u4eac \u20ac\n"


def test_titles_keep_their_letters_in_a_pipe(run: Run, configured: Path) -> None:
    title = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 10\u00a0\u20ac \u200fx"
    run("ask", "hi")
    assert run("rename", "last", title).out.endswith(f"{title}\n")
    assert run("list").out.endswith(f"{title}\n")
    assert run("search", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645").out.rstrip("\n").endswith(title)
    assert run("show").out.startswith(f"# {title}\n")


def test_a_title_is_one_line_in_a_pipe(run: Run, configured: Path) -> None:
    run("ask", "hi")
    run("rename", "last", "two\r\nlines\x1b[2J\u2028here")
    assert [line.partition("  two")[2] for line in run("list").out.splitlines()] == [" lines [2J here"]


def test_nothing_that_a_terminal_obeys_reaches_it(run: Run, configured: Path, server: Server) -> None:
    wicked = ("\x1b]52;c;", "ZXZpbA==\x07", "ok\x9b31m \u202e", "\r", "\n", "[/b]", "e\x00nd")
    server.fake.reply = lambda body: Script(wicked)
    for command in (
        ("ask", "show me \x1b[2J"),
        ("list",),
        ("show",),
        ("search", "show"),
        ("export", "--format", "markdown"),
        ("show", "--json"),
    ):
        environ = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
        child = pexpect.spawn(STERNA, list(command), env=environ, encoding="utf-8", timeout=60, dimensions=(50, 500))
        child.expect(pexpect.EOF)
        printed = child.before
        assert not set(printed) & set("\x1b\x07\x9b\x00\u202e"), command
        if command[0] == "ask":
            assert printed.splitlines() == ["]52;c;ZXZpbA==ok31m \u2039RLO\u203a", "[/b]end"]
    result = run("show", "--json")
    assert result.json()["messages"][1]["content"] == "".join(wicked).replace("\0", "")
