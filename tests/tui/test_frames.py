"""What the screen looks like, as text that a reviewer reads. ``make golden`` writes the files again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from home import Home, frame, until, write
from textual.pilot import Pilot

from storage import Store, StoreCorrupt
from tui.app import SternaApp

GOLDEN = Path(__file__).parent / "golden"
SIZES = ((80, 24), (160, 48))

ANSWER = """Terns fly **from the Arctic to the Antarctic** and back, about *70,000 km* a year.

1. The sun, corrected by an inner clock
2. The magnetic field

| species | km a year |
|---|---:|
| Arctic tern | 70,000 |

```python
def flown(years: int) -> int:
    return years * 70_000  # there and back
```
"""

Scene = Callable[[Pilot[int], SternaApp], Awaitable[None]]


async def nothing(pilot: Pilot[int], app: SternaApp) -> None:
    """Only the start."""


async def reading(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+g")
    await until(pilot, lambda: app.main.transcript.selected_message is not None)


async def listing(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+o", "j")


async def searching(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+r")
    await write(pilot, "tern")
    await until(pilot, lambda: "results" in frame(app))


async def helping(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("f1")
    await until(pilot, lambda: "Start a new conversation" in frame(app))


async def setting(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("f9")
    await until(pilot, lambda: "Servers" in frame(app))


async def choosing(pilot: Pilot[int], app: SternaApp) -> None:
    await pilot.press("ctrl+l")
    await until(pilot, lambda: "200k" in frame(app))


SCENES: dict[str, Scene] = {
    "conversation": nothing,
    "reading": reading,
    "list": listing,
    "search": searching,
    "help": helping,
    "settings": setting,
    "models": choosing,
}


def compare(name: str, size: tuple[int, int], app: SternaApp, folder: Path) -> None:
    path = GOLDEN / f"{name}-{size[0]}x{size[1]}.txt"
    text = frame(app).replace(str(folder), "/home/me/.config/sterna")
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path.name} differs; make golden writes it again"


async def settled(pilot: Pilot[int], app: SternaApp) -> None:
    """Wait until two frames in a row are the same."""
    last = ""
    while (now := frame(app)) != last:
        last = now
        await pilot.pause(0.15)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """One whose path is always as long, wherever the tests run: it stands in a frame, and may break a line."""
    with tempfile.TemporaryDirectory(prefix="frame-", dir="/tmp") as folder:
        monkeypatch.setenv("HOME", folder)
        yield Home(Path(folder))


@pytest.fixture
def shelf(home: Home) -> Home:
    """A home with a few conversations of two days."""
    home.write_config("[ui]\nanimation = false\n")
    home.seed(
        ("Backup plan for photos", "3-2-1: three copies, two media, one elsewhere."),
        ("SQLite WAL or rollback journal", "WAL, unless the file is on a network share."),
        ("日本語の練習", "はい、もちろん。"),
    )
    home.clock.forward(hours=16)
    home.seed(("Names for a boat [/b]", "Sterna, of course."), ("How do terns find their way?", ANSWER))
    store = home.open()
    store.set_local("last_conversation", store.session_page(0, 1)[0].id)
    store.close()
    return home


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCENES)
async def test_the_frame_is_as_reviewed(shelf: Home, name: str, size: tuple[int, int]) -> None:
    app = shelf.app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, app.ready.is_set)
        await until(pilot, lambda: app.main.session_id is not None and app.main.status.activity == "")
        await SCENES[name](pilot, app)
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
        await until(pilot, app.ready.is_set)
        await until(pilot, lambda: app.main.session_id is not None and app.main.status.activity == "")
        await settled(pilot, app)
        compare("narrow", (40, 14), app, shelf.folder)
        await pilot.press("ctrl+o")
        await settled(pilot, app)
        compare("narrow_list", (40, 14), app, shelf.folder)
