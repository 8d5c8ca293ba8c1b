"""While the chat is open, what another program writes appears in the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from home import Home, frame, until
from textual.pilot import Pilot

from sterna.storage import GatherChoice, SourceChoice
from sterna.tui.app import SternaApp
from sterna.tui.services import gatherer

SIZE = (100, 30)


def line(uuid: str, parent: str | None, said: str) -> str:
    message = {"role": "user", "content": said}
    where = {"sessionId": "s", "cwd": "/home/ana/src/app", "timestamp": "2026-11-21T12:00:00Z"}
    return json.dumps({"type": "user", "uuid": uuid, "parentUuid": parent, "message": message, **where}) + "\n"


async def choose(pilot: Pilot[int], app: SternaApp) -> None:
    """Choose the only program of this machine on the page for that."""
    await until(pilot, lambda: app.context.ready.is_set() and app.main.conversation.reopened)
    await app.perform("app.gather")
    await until(pilot, lambda: "[ ] Claude Code: 1 file" in frame(app) and app.focused is not None)
    await until(pilot, lambda: "~/.claude/projects/app  1 file" in frame(app))
    await pilot.press("space")
    await until(pilot, lambda: "[x] Claude Code" in frame(app))
    await pilot.press("ctrl+r")
    await until(pilot, lambda: "1 program followed." in frame(app))
    await pilot.press("escape")


@pytest.mark.parametrize("is_watched", [True, False])
async def test_a_followed_history_grows_in_the_list(
    shelf: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_watched: bool
) -> None:
    log = tmp_path / "person" / ".claude" / "projects" / "app" / "s.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(line("u1", None, "Where do gulls sleep?"))
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    for name in ("FIRST_SECONDS", "QUIET_SECONDS", "POLL_SECONDS", "SOON_SECONDS"):
        monkeypatch.setattr(gatherer, name, 0.05)
    if not is_watched:
        monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    file = shelf.open()
    if not is_watched:
        file.gathered.choose(GatherChoice({"claude-code": SourceChoice()}))
    app = shelf.app()
    async with app.run_test(size=SIZE) as pilot:
        if is_watched:
            await choose(pilot, app)
        await until(pilot, lambda: "Where do gulls sleep?" in frame(app))
        assert "claude-code" in frame(app)
        with log.open("a") as grown:
            grown.write(line("u2", "u1", "And puffins?"))
        await until(pilot, lambda: "And p" in frame(app))
    assert file.gathered.claim("another window", 1)
    file.close()
