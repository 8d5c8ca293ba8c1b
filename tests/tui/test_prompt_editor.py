"""The prompt in the user's editor: it comes back changed, and nothing is lost when the editor fails."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from home import SIZE, Home, no_reply_runs, notices, opened, until, write
from test_terminal import Terminal, draft, folder, start  # noqa: F401
from textual.pilot import Pilot

from sterna.tui.app import SternaApp
from sterna.tui.terminal.editor import EditorError, editor_command


def script(home: Home, text: str) -> str:
    path = home.folder / "editor.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


async def edited(pilot: Pilot[int], app: SternaApp, before: str) -> None:
    await opened(pilot, app)
    await write(pilot, before)
    await pilot.press("ctrl+e")
    await until(pilot, lambda: not app.context.tasks.is_running("prompt.editor"))


async def test_the_text_comes_back_as_the_editor_left_it_and_undo_takes_it_back(home: Home) -> None:
    home.environ["EDITOR"] = script(home, r'test "$1" = -w && printf "\nand\nmore\n" >> "$2"') + " -w"
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await edited(pilot, app, "words")
        assert app.main.prompt.text == "words\nand\nmore"
        assert app.main.prompt.has_focus
        await pilot.press("ctrl+z")
        assert app.main.prompt.text == "words"


async def test_the_draft_is_stored_before_the_editor_is_opened(home: Home) -> None:
    home.environ["VISUAL"] = script(home, f"cp {home.file}* {home.folder}/copy/ && exit 0")
    (home.folder / "copy").mkdir()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await edited(pilot, app, "precious")
    home.folder = home.folder / "copy"
    store = home.open()
    assert [row["content"] for row in store.db.rows("select content from drafts")] == ["precious"]
    store.close()


async def said_after_a_failure(home: Home) -> str:
    home.environ["EDITOR"] = script(home, 'echo changed > "$1"; exit 3')
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await edited(pilot, app, "words")
        assert app.main.prompt.text == "words"
        return notices(app)


def test_a_failing_editor_changes_nothing_and_what_it_saved_is_kept(home: Home) -> None:
    said = asyncio.run(said_after_a_failure(home))
    assert "ended with code 3. Your text is unchanged." in said
    path = re.search(r"saved is in (\S+)\.", said)
    assert path is not None
    left = Path(path[1])
    assert left.read_text() == "changed\n"
    assert left.stat().st_mode & 0o077 == 0
    shutil.rmtree(left.parent)


async def test_an_editor_that_is_not_there_is_named(home: Home) -> None:
    home.environ["EDITOR"] = "/nowhere/ed --wait"
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await edited(pilot, app, "words")
        assert "EDITOR names /nowhere/ed, which cannot be run" in notices(app)
        assert app.main.prompt.text == "words"


async def test_a_folded_paste_is_edited_whole_and_unchanged_text_stays_folded(home: Home) -> None:
    home.environ["EDITOR"] = script(home, f'cat "$1" > {home.folder}/seen')
    app = home.app()
    lines = "\n".join(f"line {number}" for number in range(30))
    async with app.run_test(size=SIZE) as pilot:
        await edited(pilot, app, lines)
        assert (home.folder / "seen").read_text() == lines
        assert app.main.prompt.text == "[pasted 30 lines]"
        assert "add its option to wait" in notices(app)


def test_the_editor_is_visual_then_editor_then_one_that_is_there() -> None:
    path = {"PATH": "/usr/bin:/bin"}
    assert editor_command({"VISUAL": "sh -c x", "EDITOR": "false"} | path) == ["sh", "-c", "x"]
    assert editor_command({"EDITOR": "sh 'a b'"} | path) == ["sh", "a b"]
    for environ in ({"EDITOR": "sh 'a"} | path, {"PATH": "/nowhere"}):
        with pytest.raises(EditorError):
            editor_command(environ)


def test_the_terminal_is_the_editors_while_it_is_open(
    folder: Path,  # noqa: F811
    start: Callable[..., Terminal],  # noqa: F811
) -> None:
    editor = folder / "editor.sh"
    editor.write_text('#!/bin/sh\necho "THE EDITOR"\nread answer\nprintf "%s" "$answer" > "$1"\n')
    editor.chmod(0o700)
    terminal = start(EDITOR=str(editor))
    terminal.until(lambda: "ctrl+n" in terminal.text and "opening" not in terminal.text)
    terminal.child.send("before")
    terminal.shows("before")
    os.write(terminal.child.fileno(), b"\x05")
    terminal.until(lambda: "THE EDITOR" in terminal.text and "\x1b[?1049l" in terminal.raw)
    terminal.raw = ""
    terminal.child.send("typed in the editor\r")
    terminal.until(lambda: "\x1b[?1049h" in terminal.raw)
    terminal.shows("typed in the editor")
    terminal.shows("ctrl+n new")
    terminal.child.send(" and after")
    terminal.shows("typed in the editor and after")
    terminal.child.send("\x1b[21~")
    terminal.ends()
    assert draft(folder) == "typed in the editor and after"
    assert not (folder / "sterna.log").exists()


async def test_a_reply_goes_on_and_is_stored_while_the_editor_is_open(home: Home) -> None:
    go = home.folder / "go"
    home.environ["EDITOR"] = script(home, f'while [ ! -e {go} ]; do sleep 0.05; done; echo later > "$1"')
    home.model.say("a long story")
    home.model.hold()
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "tell me")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None)
        await pilot.press("ctrl+e")
        home.model.release()
        await until(pilot, lambda: no_reply_runs(app))
        store = home.open()
        assert store.messages.before(app.main.conversation.id, None, 1)[0].content == "a long story"
        store.close()
        assert app.context.tasks.is_running("prompt.editor")
        go.touch()
        await until(pilot, lambda: app.main.prompt.text == "later")
