"""Pins, archive, tags and export in the whole chat: one conversation or several, and one undo for all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from home import Home, frame, until
from textual.pilot import Pilot
from textual.widgets import Input

from sterna.storage import Store
from sterna.tui.app import SternaApp

SIZE = (100, 30)


async def opened(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, app.context.ready.is_set)
    await until(pilot, lambda: app.main.status.activity == "")


def notices(app: SternaApp) -> str:
    return "\n".join(notification.message for notification in app._notifications)


def labels(store: Store) -> dict[str, tuple[bool, bool, tuple[str, ...]]]:
    rows = [*store.conversations.page(0, 50), *store.conversations.page(0, 50, "is:archived")]
    return {row.title: (row.pinned, row.archived, row.tags) for row in rows}


async def test_the_open_conversation_is_pinned_tagged_and_archived_and_undo_takes_it_back_step_by_step(
    shelf: Home,
) -> None:
    app, file = shelf.app(), shelf.open()
    title = "How do terns find their way?"
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("alt+p")
        await until(pilot, lambda: labels(file)[title] == (True, False, ()))
        await until(pilot, lambda: "Pinned “How do terns find their way?”. ctrl+_ undoes this." in notices(app))
        await until(pilot, lambda: "   Pinned" in frame(app))
        await pilot.press("alt+t", *"birds", "enter", "escape")
        await until(pilot, lambda: labels(file)[title] == (True, False, ("birds",)))
        await pilot.press("alt+a")
        await until(pilot, lambda: labels(file)[title] == (True, True, ("birds",)))
        await until(pilot, lambda: "   Pinned" not in frame(app))
        for expected in ((True, False, ("birds",)), (True, False, ()), (False, False, ())):
            await pilot.press("ctrl+underscore")
            await until(pilot, lambda expected=expected: labels(file)[title] == expected)
        assert app.main.conversation.record is not None
        assert app.main.conversation.record.title == title
    file.close()


async def test_several_selected_ones_are_deleted_together_and_come_back_together(shelf: Home) -> None:
    app, file = shelf.app(), shelf.open()
    before = labels(file)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+o", "space", "down", "down", "space", "d")
        await until(pilot, lambda: file.conversations.total() == len(before) - 2)
        await until(pilot, lambda: "Deleted 2 conversations." in notices(app))
        assert app.main.sidebar.selection.ids == ()
        await until(pilot, lambda: app.main.conversation.record is not None)
        assert app.main.conversation.record is not None
        assert app.main.conversation.record.title in labels(file)
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: labels(file) == before)
    file.close()


async def test_a_word_that_is_typed_in_the_list_archives_nothing(shelf: Home) -> None:
    app, file = shelf.app(), shelf.open()
    before = labels(file)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+o")
        await pilot.press(*"apple")
        await until(pilot, lambda: app.main.prompt.text == "apple")
        assert labels(file) == before
    file.close()


async def test_conversations_are_exported_to_new_files_only(shelf: Home, tmp_path: Path) -> None:
    app = shelf.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        (tmp_path / "there.md").write_text("mine")
        await pilot.press("ctrl+x", "x")
        await until(pilot, lambda: "Export conversation" in frame(app))
        for name, problem in (("there.md", "exists already"), ("no/such.md", "There is no folder")):
            app.screen.query_one(Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await until(pilot, lambda problem=problem: problem in frame(app))
        app.screen.query_one(Input).value = str(tmp_path / "one.md")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "one.md").exists)
        await until(pilot, lambda: "Exported to" in notices(app))
        text = (tmp_path / "one.md").read_text()
        assert text.startswith('---\ntitle: "How do terns find their way?"\n')
        assert "\n# How do terns find their way?\n" in text
        assert "Terns fly **from the Arctic" in text
        assert (tmp_path / "there.md").read_text() == "mine"
        await pilot.press("ctrl+o", "space", "down", "space", "x")
        await until(pilot, lambda: "Export 2 conversations" in frame(app))
        app.screen.query_one(Input).value = str(tmp_path / "several")
        await pilot.press("enter")
        await until(pilot, lambda: len(list((tmp_path / "several").glob("*.md"))) == 2)
        await pilot.press("escape", "ctrl+x", "x")
        await until(pilot, lambda: "title: " in frame(app))
        app.screen.query_one(Input).value = str(tmp_path / "page.md")
        await pilot.press("tab", "down", "down", "enter")
        await until(pilot, lambda: "<article" in frame(app))
        assert app.screen.query_one(Input).value == str(tmp_path / "page.html")
        await pilot.press("shift+tab", "enter")
        await until(pilot, (tmp_path / "page.html").exists)
        await until(pilot, lambda: (tmp_path / "page.html").read_text().endswith("</html>\n"))


async def test_a_model_gives_a_title_when_the_settings_want_it(home: Home) -> None:
    home.write_config("[ui]\nanimation = false\n[titles]\ngenerate = true\n")
    home.model.say("Terns fly from pole to pole.", "“Flights of terns”")
    app, file = home.app(), home.open()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press(*"which bird", "enter")
        await until(pilot, lambda: "Flights of terns" in frame(app))
        assert file.conversations.page(0, 1)[0].title == "Flights of terns"
    file.close()


async def test_the_command_of_the_program_that_a_conversation_comes_from_is_copied(
    shelf: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, file = shelf.app(), shelf.open()
    copied: list[str] = []
    monkeypatch.setattr(SternaApp, "copy_to_clipboard", lambda self, text: copied.append(text))
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+x", "Y")
        await until(pilot, lambda: "No other program opens this conversation." in notices(app))
        record = app.main.conversation.record
        assert record is not None
        file.conversations.set_settings(record.id, {"resume": "claude --resume 1", "project": "/home/ana/app"})
        await pilot.press("ctrl+x", "Y")
        await until(pilot, lambda: "Run it in /home/ana/app." in notices(app))
        assert copied == ["claude --resume 1"]
    file.close()
