"""Slash commands with arguments, and completion of commands, files and snippets."""

from __future__ import annotations

from pathlib import Path

import pytest
from home import SIZE, Home, frame, no_reply_runs, notices, open_title, opened, until, write
from textual import events
from textual.pilot import Pilot

from sterna.tui.actions.bindings import BY_ID
from sterna.tui.app import SternaApp
from sterna.tui.main.completion_list import CompletionList
from sterna.tui.prompt import slash_commands
from sterna.tui.prompt.files import completions
from sterna.tui.prompt.tokens import token_at


def choices(app: SternaApp) -> list[str]:
    """First words of the completions that are shown."""
    shown = [each for each in app.main.query(CompletionList) if each.display]
    return [str(option.prompt).split("  ")[0] for each in shown for option in each.options]


async def typed(pilot: Pilot[int], text: str) -> None:
    """Type a text key by key, as a person does."""
    for character in text:
        await pilot.press({"/": "slash", " ": "space", "@": "at", ";": "semicolon"}.get(character, character))


async def asked(pilot: Pilot[int], app: SternaApp, text: str = "hello") -> None:
    await opened(pilot, app)
    await write(pilot, text)
    await pilot.press("enter")
    await until(pilot, lambda: app.main.conversation.id is not None and no_reply_runs(app))


def own_settings(home: Home, app: SternaApp) -> dict[str, object]:
    store = home.open()
    try:
        assert app.main.conversation.id is not None
        return store.conversations.settings(app.main.conversation.id)
    finally:
        store.close()


def test_every_command_is_in_the_table_once_with_a_sentence() -> None:
    names = [name for command in slash_commands.COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))
    for command in slash_commands.COMMANDS:
        assert not command.action_id or command.action_id in BY_ID
        assert command.help
        assert f"`{command.usage}`" in slash_commands.table()


async def test_commands_take_an_argument(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot, app)
        for text in ("/title Terns", "/system Be brief.\nAlways.", "/model test/large"):
            await write(pilot, text)
            await pilot.press("enter")
            await until(pilot, lambda: app.main.prompt.text == "")
        await until(pilot, lambda: open_title(app) == "Terns")
        await write(pilot, f"/export {home.folder / 'terns.md'}")
        await pilot.press("enter")
        await until(pilot, lambda: "Exported to" in notices(app))
        assert "# Terns\n" in (home.folder / "terns.md").read_text()
        assert own_settings(home, app) == {"system_prompt": "Be brief.\nAlways.", "model": "test/large"}
        await write(pilot, "/search pole")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not app.main)
        await until(pilot, lambda: app.screen.query_one("Input").value == "pole")  # type: ignore[attr-defined]
    assert len(home.model.requests) == 1


async def test_undo_takes_back_settings_before_and_after_the_first_message(home: Home) -> None:
    home.seed(("one", "1"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.main.navigation.go_to(None)
        for is_stored in (False, True):
            if is_stored:
                await asked(pilot, app)
            for text in ("Be brief.", "Rhyme."):
                await write(pilot, f"/system {text}")
                await pilot.press("enter")
                await until(pilot, lambda text=text: app.main.conversation.choices == {"system_prompt": text})
            assert "System prompt set, from the next message on. ctrl+_ undoes this." in notices(app)
            for before in ({"system_prompt": "Be brief."}, {}):
                await pilot.press("ctrl+underscore")
                await until(pilot, lambda before=before: app.main.conversation.choices == before)
                await until(pilot, lambda: "as before" in notices(app))
        assert own_settings(home, app) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/model nowhere/x", "There is no provider named “nowhere”"),
        ("/persona coach", "There is no persona coach"),
        ("/snippet sig", "There is no snippet sig"),
    ],
)
async def test_a_command_that_cannot_be_run_says_why_and_keeps_the_text(home: Home, text: str, sentence: str) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, text)
        await pilot.press("enter")
        await until(pilot, lambda: sentence in notices(app))
        assert app.main.prompt.text == text
    assert home.model.requests == []


def test_an_unknown_command_is_guessed_and_a_path_is_text() -> None:
    assert "Did you mean /model?" in slash_commands.parse("/modle x").question
    assert slash_commands.parse("/etc/hosts") == slash_commands.Parsed("/etc/hosts")
    assert slash_commands.parse("/usr/bin/env python") == slash_commands.Parsed("/usr/bin/env python")


async def test_a_command_is_completed_while_it_is_typed(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await typed(pilot, "/mod")
        await until(pilot, lambda: choices(app)[:1] == ["/model"])
        await pilot.press("tab")
        await until(pilot, lambda: choices(app) == ["test/small", "test/large"])
        assert app.main.prompt.text == "/model "
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.main.prompt.text == "/model test/large")
        assert app.main.prompt.has_focus
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.model == "test/large")


async def test_another_name_of_a_command_is_completed_where_no_command_begins_like_it(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await typed(pilot, "/ren")
        await until(pilot, lambda: choices(app) == ["/rename"])
        await pilot.press("ctrl+u")
        await typed(pilot, "/them")
        await until(pilot, lambda: choices(app) == ["/theme"])


async def test_enter_runs_the_command_that_was_begun_and_escape_closes_the_list(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await typed(pilot, "/setti")
        await until(pilot, lambda: choices(app) == ["/settings"])
        await pilot.press("escape")
        await until(pilot, lambda: choices(app) == [])
        assert app.main.prompt.text == "/setti"
        await pilot.press("backspace")
        assert choices(app) == []
        await pilot.press("ctrl+u")
        await typed(pilot, "/setti")
        await until(pilot, lambda: choices(app) == ["/settings"])
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not app.main)
        assert app.main.prompt.text == ""


async def test_a_click_chooses_a_completion(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await typed(pilot, "/tit")
        await until(pilot, lambda: choices(app) == ["/title"])
        await until(pilot, lambda: app.main.query_one(CompletionList).size.height == 1)
        await pilot.click(CompletionList, offset=(4, choices(app).index("/title")))
        await until(pilot, lambda: app.main.prompt.text == "/title ")
        assert app.main.prompt.has_focus


async def test_a_file_is_found_by_a_part_of_its_name(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "source").mkdir()
    (folder / "source" / "terns.py").write_text("fly()")
    (folder / "readme.md").write_text("")
    monkeypatch.chdir(folder)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await typed(pilot, "see @tern")
        await until(pilot, lambda: choices(app) == ["source/terns.py"])
        await pilot.press("tab")
        await until(pilot, lambda: [item.name for item in app.main.attachments.items] == ["terns.py"])
        assert app.main.prompt.text == "see "
        await typed(pilot, "and @source")
        await until(pilot, lambda: choices(app) == ["source/terns.py"])
        await pilot.press("down", "slash")
        await until(pilot, lambda: choices(app) == ["terns.py"])
        await pilot.press("escape", "enter")
        await until(pilot, lambda: home.model.requests)
    sent = home.model.requests[0].messages[-1].content
    assert sent.endswith("</attachment>\n\nsee and @source/"), "enter sends what is typed while no list is open"


async def test_enter_chooses_the_line_that_is_highlighted(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "notes.md").write_text("fly")
    (folder / "nothing.txt").write_text("land")
    monkeypatch.chdir(folder)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.screen is not app.main)
        await pilot.press("escape")  # the style sheet of dialogs is loaded now
        await until(pilot, lambda: app.screen is app.main)
        await typed(pilot, "see @no")
        await until(pilot, lambda: len(choices(app)) == 2)
        assert "enter choose" in frame(app)
        for key in ("t", "e", "enter"):  # the list of what was typed before the last letters is still shown
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: [item.name for item in app.main.attachments.items] == ["notes.md"])
        assert app.main.prompt.text == "see "
        app.main.prompt.empty()
        await typed(pilot, "/model test/")
        await until(pilot, lambda: choices(app) == ["test/small", "test/large"])
        await pilot.press("enter")
        assert app.main.prompt.text == "/model test/small"
        await pilot.press("enter")
        await until(pilot, lambda: "Model test/small" in notices(app))
    assert not home.model.requests


def test_files_that_git_ignores_are_not_offered(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").write_text("")
    (tmp_path / "kept.txt").write_text("")
    assert completions("", tmp_path) == ["kept.txt"]
    assert completions("./no", tmp_path) == ["./kept.txt", "./node_modules/"]
    assert completions("/nowhere/at/all", tmp_path) == []
    assert completions("~nobody-here/x", tmp_path) == []


async def test_a_snippet_is_inserted_by_name(home: Home) -> None:
    folder = home.folder / "snippets"
    folder.mkdir()
    (folder / "sig.txt").write_text("Yours,\nAda, {{date}}\n")
    (folder / "sum.md").write_text("Sum up:")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await typed(pilot, "bye ;si")
        await until(pilot, lambda: choices(app) == ["sig"])
        await pilot.press("tab")
        await until(pilot, lambda: app.main.prompt.text == "bye Yours,\nAda, 2026-03-14")
        app.main.prompt.empty()
        await pilot.press("alt+s")
        await until(pilot, lambda: app.screen is not app.main and "sum" in frame(app))
        await pilot.press("s", "u", "enter")
        await until(pilot, lambda: app.main.prompt.text == "Sum up:")
        app.main.prompt.empty()
        await write(pilot, "/snippet sum")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.prompt.text == "Sum up:")


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("/he", "command", "he"),
        ("/model gp", "argument", "gp"),
        ("see @src/a", "file", "src/a"),
        ('see @"my fi', "file", "my fi"),
        ("(@a", "file", "a"),
        ("x ;si", "snippet", "si"),
    ],
)
def test_what_can_be_completed(line: str, kind: str, text: str) -> None:
    token = token_at(line, 0)
    assert token is not None
    assert (token.kind, token.text) == (kind, text)


@pytest.mark.parametrize("line", ["//he", "/help me", "me@home", "a;b", "/etc/hosts", "@a b", "text"])
def test_what_is_only_text(line: str) -> None:
    assert token_at(line, 0) is None
