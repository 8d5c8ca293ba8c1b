"""A server made with the official package: its tools are offered and called, and its process ends with Sterna."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sterna.chat import ToolResult
from sterna.config import McpServerSettings, Settings
from sterna.tools import Toolbox, approvals_of

SERVER = str(Path(__file__).with_name("example_server.py"))


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    """One program and its toolbox for all tests of the file."""
    server = McpServerSettings(
        "example", sys.executable, (SERVER,), env={"FROM_SETTINGS": "1"}, pass_env=("PASSED_ON", "NOT_SET")
    )
    environ = {**os.environ, "OPENAI_API_KEY": "secret", "PASSED_ON": "1"}
    opened = Toolbox(Settings(mcp=(server,)), approvals_of(tmp_path_factory.mktemp("data")), environ=environ)
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture
async def address(toolbox: Toolbox) -> str:
    """Address of the same server over HTTP."""
    return f"http://127.0.0.1:{(await call(toolbox, 'serve_http')).text}/mcp"


@pytest.fixture
async def remote(address: str, tmp_path: Path) -> AsyncIterator[Toolbox]:
    opened = Toolbox(Settings(mcp=(McpServerSettings("remote", url=address),)), approvals_of(tmp_path))
    yield opened
    await opened.aclose()


async def call(toolbox: Toolbox, name: str, **arguments: object) -> ToolResult:
    return await toolbox.call(f"{toolbox.servers()[0].name}__{name}", arguments)


async def test_a_server_starts_when_it_is_chosen_and_its_tools_are_offered(toolbox: Toolbox) -> None:
    assert [state.state for state in toolbox.servers()] == ["off"]
    heard: list[str] = []
    end = toolbox.subscribe(lambda: heard.append(toolbox.servers()[0].state))
    offer = await toolbox.offered(["example__add", "nobody", "read"])
    await asyncio.sleep(0)
    end()
    assert [tool.name for tool in offer.tools] == ["example__add"]
    assert offer.tools[0].description == "Return the sum of two numbers."
    assert set(offer.tools[0].parameters["properties"]) == {"a", "b"}
    assert offer.problems == (
        "There is no server or tool nobody.",
        "The tool read is turned off: the setting tools.read turns it on.",
    )
    (state,) = toolbox.servers()
    assert (state.title, state.state, state.tools[0].title) == ("Example", "ready", "Add numbers")
    assert state.tools[0].changes_nothing
    assert heard[-1] == "ready"
    assert len((await toolbox.offered(["example", "example__add"])).tools) == len(state.tools)


async def test_calls_are_answered_by_one_run_of_the_server(toolbox: Toolbox) -> None:
    assert await call(toolbox, "add", a=2, b=3) == ToolResult("5")
    assert (await call(toolbox, "run_id")).text == (await call(toolbox, "run_id")).text
    failed = await call(toolbox, "fail")
    assert failed.is_error
    assert "There is no such thing." in failed.text
    assert (await call(toolbox, "nothing")).is_error
    assert (await call(toolbox, "add", a="x")).is_error


async def test_a_program_gets_no_keys_of_providers(toolbox: Toolbox) -> None:
    names = set((await call(toolbox, "environment")).text.split())
    assert {"PATH", "FROM_SETTINGS", "PASSED_ON"} <= names
    assert not names & {"OPENAI_API_KEY", "NOT_SET"}


async def test_results_become_plain_text_and_files(toolbox: Toolbox) -> None:
    assert (await call(toolbox, "colored")).text == "red and ‹RLO›reversed"
    long = await call(toolbox, "long_text", length=90_000)
    assert (len(long.text), long.whole) == (40_000, 90_000)
    assert [(file.name, len(file.content)) for file in long.files] == [("example__long_text-result.txt", 90_000)]
    mixed = await call(toolbox, "mixed")
    assert mixed.text.split("\n\n") == [
        "[image, attached as tool-1.png, 69 B]",
        "[notes://a]\nA note.",
        "[notes://b, application/zip, 6 B: neither an image nor text]",
        "[resource The document, https://example.org/doc]",
        "[red]not markup[/red]",
    ]
    assert [file.media_type for file in mixed.files] == ["image/png"]


@pytest.mark.parametrize("kind", ["program", "address"])
async def test_a_call_that_is_stopped_ends_at_the_server(
    kind: str, toolbox: Toolbox, remote: Toolbox, tmp_path: Path
) -> None:
    used = toolbox if kind == "program" else remote
    marker, lines = tmp_path / "marker", asyncio.Queue[str]()
    name = f"{used.servers()[0].name}__slow"
    calling = asyncio.create_task(used.call(name, {"marker": str(marker)}, progress=lines.put_nowait))
    assert await asyncio.wait_for(lines.get(), 10) == "0 of 1000: working"
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    deadline = time.monotonic() + 10
    while not marker.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_server_with_an_address_is_used_in_the_same_way(remote: Toolbox, address: str) -> None:
    elsewhere = McpServerSettings("elsewhere", url=address.replace("/mcp", "/nothing"))
    silent = McpServerSettings("silent", url="http://127.0.0.1:9/mcp")
    without_key = McpServerSettings("locked", url=address, key_env="NO_SUCH_KEY")
    await remote.configure(Settings(mcp=(McpServerSettings("remote", url=address), elsewhere, silent, without_key)))
    offer = await remote.offered(["remote", "elsewhere", "silent", "locked"])
    assert "remote__add" in {tool.name for tool in offer.tools}
    assert offer.problems == (
        "elsewhere does not start. Not Found.",
        "silent does not start. Nothing listens at this address.",
        "locked needs a key: the variable NO_SUCH_KEY is not set.",
    )
    assert await call(remote, "add", a=2, b=3) == ToolResult("5")
    assert [file.media_type for file in (await call(remote, "mixed")).files] == ["image/png"]


async def test_a_changed_server_is_ended_and_the_others_stay(toolbox: Toolbox) -> None:
    before = (await call(toolbox, "run_id")).text
    process = int(before)
    (settings,) = toolbox._settings.mcp
    other = McpServerSettings("other", "sterna-no-such-program")
    await toolbox.configure(Settings(mcp=(settings, other)))
    assert (await call(toolbox, "run_id")).text == before
    assert (await toolbox.offered(["other"])).problems == (
        "other does not start: sterna-no-such-program: it is not found. Check command in [mcp.other].",
    )
    await toolbox.configure(Settings())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
