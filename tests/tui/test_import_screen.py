"""Import of histories on the screen: found, counted, taken in the background, stopped, taken back, dropped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from home import Home, frame, until, write
from textual.pilot import Pilot
from textual.widgets import Input, Label

from sterna.storage import Conversations
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.import_offer import ImportOffer
from sterna.tui.screens.import_page import ImportScreen
from sterna.tui.services.importing import ImportJob

SIZE = (100, 30)


def export(folder: Path, count: int, name: str = "conversations.json") -> Path:
    """Write an export of ChatGPT."""
    conversations = []
    for number in range(count):
        nodes: dict[str, Any] = {}
        for place in range(4):
            id_ = f"m{number}-{place}"
            nodes[id_] = {
                "id": id_,
                "parent": f"m{number}-{place - 1}" if place else None,
                "message": {
                    "id": id_,
                    "author": {"role": "assistant" if place % 2 else "user"},
                    "create_time": 1_700_000_000 + number * 60 + place,
                    "content": {"content_type": "text", "parts": [f"Tern {number} {place}"]},
                },
            }
        conversations.append({"id": f"c{number}", "title": f"Terns {number}", "mapping": nodes})
    path = folder / name
    path.write_text(json.dumps([*conversations, {"id": "empty", "title": "Empty", "mapping": {}}]))
    return path


async def opened(pilot: Pilot[int], app: SternaApp) -> ImportScreen:
    await until(pilot, lambda: app.context.ready.is_set() and app.main.conversation.reopened)
    await app.perform("app.import")
    await until(pilot, lambda: isinstance(app.screen, ImportScreen) and "ChatGPT" in frame(app))
    assert isinstance(app.screen, ImportScreen)
    return app.screen


async def test_an_export_is_looked_at_taken_and_taken_back(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.tui.services.importing.UNDONE_AT_ONCE", 1)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        page = await opened(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "Enter the path of a file or folder." in frame(app))
        page.query_one(Input).value = str(tmp_path / "gone")
        await pilot.press("enter")
        await until(pilot, lambda: "There is no file or folder" in frame(app))
        for wrong in ("~nobody-here/x", "/x" * 3_000, "a\0b", "file://[x"):
            page.query_one(Input).value = wrong
            await pilot.press("enter")
            await until(pilot, lambda: page.job.phase == "failed" and str(page.job.path)[:3] == wrong[:3])  # noqa: B023
        page.query_one(Input).value = export(tmp_path, 3, "my export.json").as_uri()
        await pilot.press("enter")
        await until(pilot, lambda: "ChatGPT: 4 conversations (3 new, 1 skipped)" in frame(app))
        assert "“Empty” has no messages." in frame(app)
        assert await app.context.store.run(Conversations.total) == 0
        assert "enter import" in frame(app)
        await pilot.press("enter")
        await until(pilot, lambda: page.job.phase == "done" and "Imported" in frame(app))
        assert await app.context.store.run(Conversations.total) == 3
        shown_first = page.job.changed
        page.job.changed = lambda: (shown_first(), page.job.stop() if page.job.undone else None)[0]
        await pilot.click("#undo")
        await until(pilot, lambda: "1 conversation moved to the trash (undo brings them back). The oth" in frame(app))
        assert await app.context.store.run(Conversations.total) == 2
        page.job.changed = shown_first
        await until(pilot, lambda: not page.query_one("#undo").has_class("-active"))  # it was pressed a moment ago
        await pilot.click("#undo")
        await until(pilot, lambda: page.job.phase == "undone" and "2 conversations moved to the trash" in frame(app))
        lines: list[str] = []
        show = page.job.changed
        page.job.changed = lambda: (show(), lines.append(str(page.query_one("#state", Label).content)))[0]
        await page.job.look(page.job.path)
        assert lines[0] == ""  # how far the last one came is forgotten
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("ctrl+x", "u")
        await until(pilot, lambda: "Terns 2" in frame(app))


async def test_an_import_stops_when_it_is_told_and_goes_on_when_its_page_is_closed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.tui.services.importing.AT_ONCE", 4)
    gate, write_batch = asyncio.Event(), ImportJob._write

    async def held(self: ImportJob, work: Any, batch: Any, run: int) -> None:
        await write_batch(self, work, batch, run)
        if run and self.account is not None and self.account.total("found") == 5:
            await gate.wait()

    monkeypatch.setattr(ImportJob, "_write", held)
    app = home.app()
    path = export(tmp_path, 20)
    async with app.run_test(size=SIZE) as pilot:
        page = await opened(pilot, app)
        page.query_one(Input).value = str(path)
        await pilot.press("enter")
        await until(pilot, lambda: page.job.phase == "found")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "4 new" in frame(app))
        await pilot.click("#stop")
        gate.set()
        await until(pilot, lambda: "What is imported stays." in frame(app))
        assert await app.context.store.run(Conversations.total) == 5
        gate.clear()
        await pilot.press("enter")
        await until(pilot, lambda: page.job.phase == "found" and "15 new, 5 unchanged" in frame(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: page.job.phase == "importing" and "4 unchanged" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await write(pilot, "typed meanwhile")
        assert app.main.prompt.text == "typed meanwhile"
        gate.set()
        await until(pilot, lambda: any("Imported 15 new" in each.message for each in app._notifications))
        assert await app.context.store.run(Conversations.total) == 20


async def test_a_dropped_history_can_be_imported_or_attached(home: Home, tmp_path: Path) -> None:
    app = home.app()
    folder = tmp_path / "my exports"
    folder.mkdir()
    path = export(folder, 2)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.context.ready.is_set() and app.main.conversation.reopened)
        await write(pilot, f"'{path}' ")
        await until(pilot, lambda: isinstance(app.screen, ImportOffer) and app.screen.query("#import"))
        assert "conversations.json has conversations of ChatGPT." in frame(app)
        await pilot.click("#attach")
        await until(pilot, lambda: [item.name for item in app.main.attachments.items] == ["conversations.json"])
        await write(pilot, f"{folder}")
        await until(pilot, lambda: isinstance(app.screen, ImportOffer) and app.screen.query("#import"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen) and "2 new" in frame(app))
