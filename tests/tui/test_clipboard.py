"""What was copied is somewhere, and the sentence about it is true."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from functools import partial
from pathlib import Path

import pytest

from sterna.tui.terminal.clipboard import FILE, copy_elsewhere, tools

TEXT = "naïve 東京　タワー\nsecond line\t€"


def program(folder: Path, name: str, body: str) -> None:
    """A program of that name that is found first."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)


def command(*words: str) -> str:
    """What a program writes."""
    done = subprocess.run(words, check=True, capture_output=True, env={**os.environ, "TERM": "xterm"})
    return done.stdout.decode()


def environ(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{folder}:{os.environ['PATH']}", "TERM": "xterm-256color", **more}


@pytest.mark.parametrize(("name", "where"), [("wl-copy", "WAYLAND_DISPLAY"), ("xclip", "DISPLAY"), ("xsel", "DISPLAY")])
async def test_a_clipboard_program_gets_the_text(tmp_path: Path, name: str, where: str) -> None:
    program(tmp_path, "xclip", "exit 1")
    program(tmp_path, name, f'cat > "{tmp_path}/got"')
    assert await copy_elsewhere(TEXT, environ(tmp_path, **{where: ":9"}), tmp_path) == ""
    assert (tmp_path / "got").read_text("utf-8") == TEXT
    assert not (tmp_path / FILE).exists()


async def test_where_no_program_takes_it_the_text_is_in_a_file_of_ones_own(tmp_path: Path) -> None:
    program(tmp_path, "xclip", "exit 1")
    program(tmp_path, "xsel", "exit 3")
    where = await copy_elsewhere(TEXT, environ(tmp_path, DISPLAY=":9"), tmp_path)
    assert where == f", if this terminal allows it, and to {tmp_path / FILE}"
    assert (tmp_path / FILE).read_text("utf-8") == TEXT
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


async def test_a_terminal_without_a_clipboard_is_told_as_one(tmp_path: Path) -> None:
    assert await copy_elsewhere(TEXT, {"TERM": "dumb", "PATH": ""}, tmp_path) == f" to {tmp_path / FILE}"
    assert "no clipboard" in await copy_elsewhere(TEXT, {"TERM": "linux", "PATH": ""}, tmp_path / "none")


@pytest.mark.parametrize("known", [{"TERM": "xterm-kitty"}, {"TERM_PROGRAM": "WezTerm"}, {"WT_SESSION": "1"}])
async def test_a_terminal_that_is_known_to_obey_needs_no_file(tmp_path: Path, known: dict[str, str]) -> None:
    assert await copy_elsewhere(TEXT, {"PATH": "", **known}, tmp_path) == ""
    assert not (tmp_path / FILE).exists()


def test_each_desktop_has_its_program() -> None:
    assert tools({}, "darwin") == [("pbcopy",)]
    both = tools({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "linux")
    assert [tool[0] for tool in both] == ["wl-copy", "xclip", "xsel"]
    assert tools({}, "linux") == []


@pytest.mark.parametrize("allowed", ["external", "off"])
async def test_tmux_has_it_in_its_buffer_whatever_it_lets_through(tmp_path: Path, allowed: str) -> None:
    tmux = shutil.which("tmux") or pytest.fail("tmux is missing: install it to run this test")
    socket = tmp_path / "s"
    run = partial(command, tmux, "-f", "/dev/null", "-S", str(socket))
    run("new-session", "-d", "sleep 60")
    try:
        run("set-option", "-s", "set-clipboard", allowed)
        where = await copy_elsewhere(TEXT, {"PATH": os.environ["PATH"], "TMUX": f"{socket},1,0"}, tmp_path)
        assert where == ("" if allowed == "external" else " to the tmux buffer (prefix ] pastes it)")
        assert run("show-buffer") == TEXT
    finally:
        run("kill-server")
