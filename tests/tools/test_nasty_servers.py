"""A server that hangs, floods, lies or dies costs its own tools, and nothing else."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sterna.chat import ToolResult
from sterna.config import McpServerSettings, Settings
from sterna.storage.text import clean
from sterna.tools import Toolbox, approvals_of
from sterna.tools.throttle import Throttle

SERVER = Path(__file__).with_name("nasty_server.py")


def nasty(kind: str, *arguments: str) -> McpServerSettings:
    command = ("-I", "-S", str(SERVER), kind, *arguments)
    start_timeout = 0.4 if kind in ("hang", "garbage") else 10.0
    return McpServerSettings(kind, sys.executable, command, start_timeout=start_timeout)


@pytest.fixture
async def toolbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Toolbox]:
    monkeypatch.setattr("sterna.tools.programs.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("sterna.tools.programs.FLUSH_SECONDS", 0.02)
    opened = Toolbox(Settings(), approvals_of(tmp_path))
    yield opened
    await opened.aclose()


def is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


async def test_servers_that_do_not_start_leave_the_others_theirs(
    toolbox: Toolbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.tools.programs.LONGEST_MESSAGE", 4 * 2**20)
    await toolbox.configure(Settings(mcp=tuple(map(nasty, ("hang", "garbage", "endless", "dense", "calls")))))
    offer = await toolbox.offered(["hang", "garbage", "endless", "dense", "calls__run_id"])
    assert [tool.name for tool in offer.tools] == ["calls__run_id"]
    assert offer.problems == (
        "hang did not start within 0.4 seconds.",
        "garbage did not start within 0.4 seconds.",
        "endless was ended: it sent a message of more than 4 MB.",
        "dense was ended: it sent a message of more than a million values.",
    )
    assert [state.state for state in toolbox.servers()] == [*["failed"] * 4, "ready"]
    assert 0 < len(caplog.records) < 500
    assert all(len(record.getMessage()) < 600 for record in caplog.records)


async def test_what_a_server_defines_is_bounded_and_plain(toolbox: Toolbox) -> None:
    await toolbox.configure(Settings(mcp=(nasty("many"), nasty("names"))))
    offer = await toolbox.offered(["many", "names"])
    many, names = toolbox.servers()
    assert len(many.tools) == 100
    assert many.problem.startswith("many has more than 100 tools, of which the first can be chosen.")
    assert names.title == "names (nasty)"
    assert [tool.name for tool in names.tools] == [
        "names__red_f0fdc93e",
        "names__bold_loud_bold_73005e35",
        "names__a_b_c_fc7cd9c4",
        "names__a_b_c",
        "names__longlonglonglonglonglonglonglonglonglonglonglong_55b71ce2",
        "names__longlonglonglonglonglonglonglonglonglonglonglong_8a26ec30",
        "names__plain",
    ]
    assert (names.tools[1].title, names.tools[1].description) == ("Title", "[link=file:///etc/passwd]Text‹RLO›[/link]")
    assert names.problem == "names defines deep, large and a tool without a name in a way that no model can be told."
    assert all(clean(tool.name + tool.description) == tool.name + tool.description for tool in offer.tools)


ANSWERS = {
    "flood": ToolResult("fine"),
    "lie": ToolResult("calls gave no result that can be read. Its answer is not as the protocol says.", is_error=True),
    "other_ids": ToolResult("fine"),
    "checked": ToolResult("fine"),
    "noise": ToolResult("fine"),
}


async def test_calls_of_a_nasty_server_end_with_a_sentence_and_it_is_started_again(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.tools.programs.LONGEST_MESSAGE", 2**20)
    server = nasty("calls")
    await toolbox.configure(Settings(mcp=(server, dataclasses.replace(server, name="short", timeout=0.1))))
    hung = await toolbox.call("short__hang", {})
    assert hung == ToolResult("short did not answer within 0.1 seconds.", is_error=True)
    assert not (await toolbox.call("short__run_id", {})).is_error
    lines: list[str] = []
    before = await toolbox.call("calls__run_id", {})
    for name, expected in ANSWERS.items():
        assert await toolbox.call(f"calls__{name}", {}, progress=lines.append) == expected, name
    assert len(lines) == 200
    assert await toolbox.call("calls__run_id", {}) == before
    died = await toolbox.call("calls__die", {})
    assert died == ToolResult("The call was cut off: calls has ended (exit code 3): out of luck", is_error=True)
    assert await toolbox.call("calls__run_id", {}) != before
    huge = await toolbox.call("calls__huge", {})
    assert huge.text == "The call was cut off: calls was ended: it sent a message of more than 1 MB."
    assert not (await toolbox.call("calls__run_id", {})).is_error


async def test_what_comes_faster_than_it_may_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    seconds = 0.0

    async def sleep(delay: float) -> None:
        waits.append(delay)

    monkeypatch.setattr("sterna.tools.throttle.asyncio.sleep", sleep)
    throttle = Throttle(lambda: seconds)
    await throttle.spend(4_000)
    assert waits == []
    await throttle.spend(400)
    await throttle.spend(0, 200 * 16_384)
    assert waits == [1.0, 1.5]
    seconds = 2.0
    await throttle.spend(200)
    assert waits == [1.0, 1.5]


async def test_a_tool_that_its_server_changes_is_not_called_and_asks_again(toolbox: Toolbox) -> None:
    await toolbox.configure(Settings(mcp=(nasty("changing"),)))
    (tool,) = (await toolbox.offered(["changing"])).tools
    assert not await toolbox.is_allowed(tool)
    await toolbox.allow(tool)
    assert await toolbox.is_allowed(tool)
    assert await toolbox.call(tool.name, {}) == ToolResult("fine")
    changed = await toolbox.call(tool.name, {})
    assert changed.is_error
    assert "has changed what changing__go is" in changed.text
    (other,) = (await toolbox.offered(["changing"])).tools
    assert other.description == "Deletes everything."
    assert not await toolbox.is_allowed(other)
    assert not await toolbox.is_allowed(tool)
    elsewhere = await toolbox.call(tool.name, {}, allowed=tool)  # it was offered anew to another conversation
    assert elsewhere.is_error
    assert "has changed what changing__go is" in elsewhere.text
    assert await toolbox.call(tool.name, {}, allowed=other) == ToolResult("fine")


async def test_a_server_that_does_not_want_to_end_is_ended_with_what_it_started(
    toolbox: Toolbox, tmp_path: Path
) -> None:
    await toolbox.configure(Settings(mcp=(nasty("stubborn", str(tmp_path / "processes")),)))
    await toolbox.start()
    processes = [int(text) for text in (tmp_path / "processes").read_text().split()]
    assert all(map(is_running, processes))
    await toolbox.aclose()
    assert not any(map(is_running, processes))


def test_a_server_ends_when_sterna_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from sterna.config import McpServerSettings, Settings\n"
        "from sterna.tools import Toolbox, approvals_of\n"
        "async def main():\n"
        f"    server = McpServerSettings('calls', sys.executable, ('-I', '-S', {str(SERVER)!r}, 'calls'))\n"
        f"    box = Toolbox(Settings(mcp=(server,)), approvals_of(pathlib.Path({str(tmp_path)!r})))\n"
        "    print((await box.call('calls__run_id', {})).text, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        process = int(killed.stdout.readline())
        assert is_running(process)
        os.kill(killed.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_running(process):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_without_the_package_for_servers_a_sentence_says_what_to_install(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "sterna.tools.server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp", None)
    await toolbox.configure(Settings(mcp=(nasty("calls"),)))
    says = "MCP servers need a package that is not installed (mcp). Install sterna[mcp]."
    assert (await toolbox.offered(["calls"])).problems == (says,)
    assert [(state.state, state.problem) for state in toolbox.servers()] == [("failed", says)]
    assert await toolbox.call("calls__run_id", {}) == ToolResult(says, is_error=True)
