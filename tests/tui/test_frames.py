"""What the screen looks like, as text that a reviewer reads. ``make golden`` writes the files again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from home import Home, drawn, frame, settled, until, write
from scenes import DIALOGS, PARTS, back
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Button

from sterna.storage import Store, StoreCorrupt
from sterna.tui.app import SternaApp

GOLDEN = Path(__file__).parent / "golden"
SIZES = ((80, 24), (160, 48))

BOTH_SIZES = [
    *("conversation", "reading", "list", "search", "help", "settings", "models", "themes", "instructions"),
    *("keys", "provider_new", "profile", "stats", "split", "code", "find", "leader", "attaching"),
    *("select", "tags", "export", "import"),
    *("editing", "branches", "comparison"),
    *("commands", "waiting", "personas", "persona_variables", "earlier_prompts"),
]
SCENES = {name: {**PARTS, **DIALOGS}[name] for name in BOTH_SIZES}
"""Screens in both sizes; every dialog is shown once more in the smallest."""


def compare(name: str, size: tuple[int, int], app: SternaApp, folder: Path) -> None:
    path = GOLDEN / f"{name}-{size[0]}x{size[1]}.txt"
    text = drawn(app).replace(str(folder), "/home/me/.config/sterna")
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path.name} differs; make golden writes it again"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """One whose path is always as long, wherever the tests run: it stands in a frame, and may break a line."""
    with tempfile.TemporaryDirectory(prefix="frame-", dir="/tmp") as folder:
        monkeypatch.setenv("HOME", folder)
        yield Home(Path(folder))


@pytest.mark.parametrize(
    ("name", "sizes"),
    # what is found first is what is in view
    [(name, SIZES) for name in SCENES if name != "find"] + [("find", SIZES[:1]), ("find", SIZES[1:])],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_the_frame_is_as_reviewed(shelf: Home, name: str, sizes: tuple[tuple[int, int], ...]) -> None:
    app = shelf.app()
    async with app.run_test(size=sizes[0]) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.main.conversation.id is not None and app.main.status.activity == "")
        await SCENES[name](pilot, app)
        for size in sizes:
            if app.size != size:
                await pilot.resize_terminal(*size)
            await settled(pilot, app)
            compare(name, size, app, shelf.folder)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_frame_ever_is_as_reviewed(home: Home, size: tuple[int, int]) -> None:
    home.model.name = "guide"
    app = home.app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "Welcome to Sterna" in frame(app))
        await settled(pilot, app)
        compare("first_run", size, app, home.folder)


async def test_a_file_that_cannot_be_opened_is_as_reviewed(home: Home) -> None:
    def refuse() -> Store:
        raise StoreCorrupt(
            "/home/me/.local/share/sterna/k3x.db is damaged and was left as it is. Move it away, put a copy from the "
            "backups folder in its place, and try again."
        )

    app = home.app(opener=refuse)
    async with app.run_test(size=(80, 24)) as pilot:
        await write(pilot, "half a thought")
        await until(pilot, lambda: "cannot be opened" in frame(app))
        await settled(pilot, app)
        compare("trouble", (80, 24), app, home.folder)


async def test_forty_columns_are_as_reviewed(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(40, 14)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.main.conversation.id is not None and app.main.status.activity == "")
        await settled(pilot, app)
        compare("narrow", (40, 14), app, shelf.folder)
        await pilot.press("ctrl+o")
        await settled(pilot, app)
        compare("narrow_list", (40, 14), app, shelf.folder)


async def reach_every_control(pilot: Pilot[int], app: SternaApp) -> None:
    """Go through a dialog with tab: what has the focus is in view, whole or as far as it fits."""
    chain = list(app.screen.focus_chain)
    for _ in chain:
        await pilot.press("tab")
        widget = app.screen.focused
        assert widget in chain
        await until(pilot, lambda: app.screen.focused and _in_view(app.screen.focused))
        assert widget is not None
        if isinstance(widget, Button):
            await until(pilot, lambda label=str(widget.label): label in frame(app))


def _in_view(widget: Widget) -> bool:
    visible = widget.screen.find_widget(widget).visible_region
    return visible.height >= min(widget.region.height, 3)


@pytest.mark.slow
async def test_every_dialog_in_forty_columns_is_as_reviewed(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(40, 14)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.main.conversation.id is not None and app.main.status.activity == "")
        for name, scene in DIALOGS.items():
            await scene(pilot, app)
            await settled(pilot, app)
            compare(name, (40, 14), app, shelf.folder)
            await reach_every_control(pilot, app)
            await back(pilot, app)
