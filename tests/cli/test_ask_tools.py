"""``sterna ask --tools``: the model's calls are shown, asked for on a terminal, and declined without one."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sterna.chat import Approval, ToolAsk
from sterna.cli import terminal_tools
from sterna.cli.terminal_tools import MOST_SHOWN, TerminalQuestions
from sterna.config import load
from sterna.providers import Tool
from sterna.tools import open_toolbox
from tests.cli.conftest import Run
from tests.fake_openai import Server

NOBODY = "The person did not allow this call. Nobody is here to allow it."
REFUSED = (
    "sterna: read was not called: without a terminal nobody can be asked. `sterna tools allow read` allows it always."
)


@pytest.fixture
def file(configured: Path) -> Path:
    """A file that the tool ``read`` may read."""
    config = configured / "config" / "config.toml"
    folder = configured / "birds"
    folder.mkdir()
    (folder / "tern.txt").write_text("A tern is a bird.")
    config.write_text(config.read_text() + f"[tools]\nread = [{json.dumps(str(folder))}]\n")
    return folder / "tern.txt"


@pytest.fixture
def allowed(file: Path, configured: Path) -> None:
    """The person has always allowed ``read``."""

    async def allow() -> None:
        toolbox = open_toolbox(load(configured / "config"), configured / "data", configured / "config")
        (tool,) = (await toolbox.offered(["read"])).tools
        await toolbox.allow(tool)
        await toolbox.aclose()

    (configured / "data").mkdir()
    asyncio.run(allow())


def prompt(file: Path) -> str:
    return f"!tool read {json.dumps({'path': str(file)})}"


def test_without_a_terminal_a_call_is_declined_and_the_model_is_told(run: Run, file: Path, server: Server) -> None:
    result = run("ask", "--tools", "read", prompt(file))
    assert (result.code, result.err) == (0, f"{REFUSED}\n")
    assert result.out == f"Let me look.\n\nThe tool says: Error: {NOBODY}\n"
    assert [tool["function"]["name"] for tool in server.fake.requests[0]["tools"]] == ["read"]
    shown = run("show", "--json").json()
    assert shown["settings"]["tools"] == ["read"]
    (call,) = shown["messages"][1]["tool_calls"]
    assert (call["name"], call["arguments"], call["is_error"]) == ("read", {"path": str(file)}, True)
    assert run("ask", "-c", "last", "--tools", "none", prompt(file)).out.startswith("You said: !tool")
    assert "tools" not in server.fake.requests[-1]


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("options", [(), ("--no-store",)])
def test_a_tool_that_is_always_allowed_is_called_and_shown(run: Run, file: Path, options: tuple[str, ...]) -> None:
    result = run("ask", "--tools", "read", *options, "--json", prompt(file))
    answer = result.json()
    assert "A tern is a bird." in answer["content"]
    assert "A tern is a bird." in answer["tool_calls"][0]["result"]
    assert result.err == f"sterna: read {file}\n"


def test_the_tools_of_a_chat_are_chosen_in_it(run: Run, file: Path, server: Server) -> None:
    result = run("chat", stdin=f"/tools\n/tools read\n{prompt(file)}\n/tools none\nbye\n".encode())
    assert result.out == f"Let me look.\n\nThe tool says: Error: {NOBODY}\nYou said: bye\n"
    assert result.err == f"Tools: none\nTools: read\n{REFUSED}\nTools: none\n"
    assert ["tools" in body for body in server.fake.requests] == [True, True, False]


def test_on_a_terminal_the_text_before_a_question_is_whole_and_its_line_ends(file: Path) -> None:
    person, program = os.openpty()
    command = [sys.executable, "-m", "sterna", "ask", "--tools", "read", prompt(file)]
    environ = os.environ | {"TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(command, stdin=program, stdout=program, stderr=program, env=environ) as process:
        os.close(program)
        seen = b""
        while b"or why not: " not in seen and select.select([person], [], [], 30)[0]:
            seen += os.read(person, 4096)
        os.write(person, b"y\n")
        with suppress(OSError):  # it has ended
            while select.select([person], [], [], 30)[0] and (part := os.read(person, 4096)):
                seen += part
    os.close(person)
    shown = seen.decode().replace("\r\n", "\n")
    assert shown.startswith("Let me look.\n\nThe model asks for read: ")
    assert f"\nsterna: read {file}\n\nThe tool says: " in shown
    assert process.returncode == 0


def test_a_name_that_is_no_tool_is_said(run: Run, file: Path) -> None:
    result = run("ask", "--tools", "shell", "Hi")
    assert (result.code, result.out) == (0, "You said: Hi\n")
    assert result.err == "sterna: There is no server or tool shell.\n"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; gives the end at which a person types."""
    person, program = os.openpty()
    with os.fdopen(program, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(terminal_tools, "PAUSE", 0)
        yield person
    os.close(person)


LOOK = Tool("files__look", "Look at a file.\nAt all of it.", {})


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (b"y\n", Approval("once")),
        (b"\nYES\n", Approval("once")),
        (b"c\n", Approval("conversation")),
        (b"always\n", Approval("always")),
        (b"n\n", Approval("no")),
        ("nimm è\n".encode(), Approval("no", "nimm è")),
        (b"\x04", Approval("no")),
    ],
)
async def test_the_person_answers_on_the_terminal(
    terminal: int, typed: bytes, answer: Approval, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = {"path": "a\x1b[31m.txt", "text": "x" * MOST_SHOWN}
    asking = asyncio.create_task(TerminalQuestions().ask(ToolAsk("c1", "s", "r", LOOK, arguments)))
    for line in typed.splitlines(keepends=True):
        await asyncio.sleep(0)
        os.write(terminal, line)
        await asyncio.sleep(0.01)
    assert await asyncio.wait_for(asking, 10) == answer
    shown = capfd.readouterr().err
    assert "The model asks for files__look: Look at a file. At all of it.\n    path: a[31m.txt\n" in shown
    assert "characters more" in shown


async def test_a_question_that_is_given_up_leaves_the_terminal_alone(terminal: int) -> None:
    asking = asyncio.create_task(TerminalQuestions().ask(ToolAsk("c1", "s", "r", LOOK, {})))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    os.write(terminal, b"for others\n")
    assert sys.stdin.readline() == "for others\n"
