"""Picker of branches: versions of one prompt are told apart by their models, however narrow the terminal is."""

from __future__ import annotations

from pathlib import Path

from lists import Clock, ListApp, frame, running, until

from sterna.storage import Branch
from sterna.tui.pickers.branches import BranchPicker


async def test_versions_by_several_models_are_told_apart(tmp_path: Path) -> None:
    at = "2026-03-14T08:00:00.000000Z"
    versions = [Branch(f"msg_{n}", at, "Why?", 2, n == 1, f"acme/model-{n}") for n in (1, 2)]
    app = ListApp(tmp_path / "me.db", Clock())
    async with running(app, (80, 24)) as pilot:
        await app.push_screen(BranchPicker(versions, lambda _: "08:00"))

        def shown() -> str:
            return " ".join(" ".join(frame(app)).split())

        await until(pilot, lambda: "model-1 2 messages shown" in shown())
        assert "model-2 2 messages" in shown()
        await pilot.resize_terminal(40, 14)
        await until(pilot, lambda: "model-1 shown" in shown())
        assert "2 messages" not in shown()
