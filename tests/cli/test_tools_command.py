"""``sterna tools``: servers and their tools are listed, tried and allowed."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SERVER = Path(__file__).parents[1] / "tools" / "nasty_server.py"


@pytest.fixture
def tools(home: Path) -> Path:
    """Return a home with a server that works, one that changes its tools, and one that is turned off."""
    (home / "notes.txt").write_text("A note.")
    text = f"[tools]\nread = ['{home}/notes.txt']\n"
    for name, kind in (("calls", "calls"), ("changing", "changing"), ("broken", "none")):
        text += f"[mcp.{name}]\ncommand = '{sys.executable}'\nargs = ['-I', '-S', '{SERVER}', '{kind}']\n"
    text += "enabled = false\n[mcp.wrong]\ncommand = 'sterna-no-such-program'\ntools = ['a']\n"
    (home / "config" / "config.toml").write_text(text)
    return home


def test_tools_are_listed_without_a_start(tools: Path, run: Run) -> None:
    rows = run("tools", "list", "--json").lines()
    assert [(row["name"], row["enabled"], row["tools"]) for row in rows] == [
        ("built-in", True, ["read"]),
        ("calls", True, []),
        ("changing", True, []),
        ("broken", False, []),
        ("wrong", True, []),
    ]
    shown = run("tools").out
    assert "broken" in shown
    assert "turned off" in shown


def test_a_mistake_in_the_table_of_a_provider_is_said_and_tools_are_tried_all_the_same(tools: Path, run: Run) -> None:
    config = tools / "config" / "config.toml"
    config.write_text("[endpoints.lost]\nlabel = 'Lost'\n" + config.read_text())
    tried = run("tools", "try", "calls__gone")
    assert (tried.code, tried.out) == (1, "calls has no tool calls__gone.\n")
    assert tried.err.count("[endpoints.lost] needs a url") == 1
    assert "Nothing was sent" not in tried.err


def test_a_tool_is_shown_tried_and_allowed_until_it_is_forgotten(tools: Path, run: Run) -> None:
    shown = run("tools", "show", "changing", "--json").json()
    assert [(tool["name"], tool["description"], tool["allowed"]) for tool in shown["tools"]] == [
        ("changing__go", "Reads.", False)
    ]
    assert run("tools", "allow", "changing__go").out == "changing__go is always allowed: Reads.\n"
    assert run("tools", "list", "--json").lines()[2]["allowed"] == ["changing__go"]
    assert stat.S_IMODE(os.stat(tools / "data" / "tool-approvals.json").st_mode) == 0o600
    assert run("tools", "show", "changing", "--json").json()["tools"][0]["allowed"] is True
    tried = run("tools", "try", "changing__go", "--json").json()
    assert tried == {"text": "fine", "is_error": False, "whole": 0, "files": []}
    assert run("tools", "forget", "changing").out == "changing__go will ask again.\n"
    assert run("tools", "forget", "--all").out == "None of these was allowed.\n"
    assert run("tools", "list", "--json").lines()[2]["allowed"] == []


def test_built_in_tools_are_tried_like_others(tools: Path, run: Run) -> None:
    path = tools / "notes.txt"
    assert run("tools", "try", "read", f'{{"path": "{path}"}}').out == "A note.\n"
    refused = run("tools", "try", "read", '{"path": "/etc/passwd"}')
    assert (refused.code, "outside of what may be read" in refused.out) == (1, True)


WRONG = (
    (("show", "nobody"), 1, "There is no server nobody."),
    (("show", "broken"), 1, "It is turned off"),
    (("show", "wrong"), 1, "sterna-no-such-program: it is not found."),
    (("try", "calls__run_id", "["), 2, "The arguments are not JSON"),
    (("try", "calls__run_id", "[]"), 2, "have to be a JSON object"),
    (("allow", "calls__nothing"), 1, "There is no tool calls__nothing."),
    (("forget",), 2, "Name tools or servers, or give --all."),
)


@pytest.mark.parametrize(("arguments", "code", "says"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_mistakes_are_said(tools: Path, run: Run, arguments: tuple[str, ...], code: int, says: str) -> None:
    result = run("tools", *arguments)
    assert (result.code, says in result.err) == (code, True), result.err


def test_doctor_and_the_check_of_settings_know_tools(tools: Path, run: Run) -> None:
    findings = {row["detail"]: row["ok"] for row in run("doctor", "--offline", "--json").json()["findings"]}
    assert findings["There is no program sterna-no-such-program. Correct [mcp.wrong] in config.toml."] is False
    assert findings[sys.executable] is True
    assert run("config", "check").code == 0
    with (tools / "config" / "config.toml").open("a") as file:
        file.write("\n[mcp.half]\n")
    assert "[mcp.half] needs a command" in run("config", "check").err
