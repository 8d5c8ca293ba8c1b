"""Attached images are shown in the messages and, when opened, over the screen."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from home import SIZE, Home, frame, shown, until
from PIL import Image

from sterna.storage import Attachment
from sterna.tui.screens.picture import PictureScreen
from sterna.tui.terminal.images import cell_size, half_cells, protocol


def png(width: int = 40, height: int = 20) -> bytes:
    target = BytesIO()
    Image.new("RGB", (width, height), "navy").save(target, "PNG")
    return target.getvalue()


def attached(home: Home, data: bytes, name: str = "tern.png") -> None:
    """Store a message with that file, and open its conversation at the next start."""
    store = home.open()
    kept = store.attachment_files.add([data])
    attachment = Attachment(kept.id, name, "image/png", kept.size)
    store.attachments.add(attachment)
    turn = store.live_replies.begin_turn(None, "What is this?", model="m", attachments=[attachment])
    store.db.execute("delete from live_replies")
    store.local_state.set("last_conversation", turn.user_message.session_id)
    store.close()


async def test_an_attached_image_is_shown_below_its_line_and_opens_over_the_screen(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    async def open_file(path: Path, environ: object) -> bool:
        opened.append(path)
        return True

    monkeypatch.setattr("sterna.tui.terminal.opener.open_file", open_file)
    attached(home, png())
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, app, "▀" * 40)
        lines = frame(app).split("\n")
        line = next(number for number, text in enumerate(lines) if "tern.png" in text)
        assert sum("▀" * 40 in text for text in lines) == 10
        assert "▀" in lines[line + 1]
        await pilot.press("ctrl+g", "f")
        await until(pilot, lambda: isinstance(app.screen, PictureScreen))
        await shown(pilot, app, "40 × 20")
        await shown(pilot, app, "▀" * 50)
        assert opened == []
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.click(offset=(lines[line].index("tern"), line))
        await until(pilot, lambda: isinstance(app.screen, PictureScreen))
        await pilot.press("o")
        await until(pilot, lambda: [path.name for path in opened] == ["tern.png"])


async def test_without_images_or_with_a_broken_one_there_is_the_line_alone(home: Home) -> None:
    attached(home, b"\x89PNG broken")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, app, "tern.png")
        await until(pilot, lambda: not any(worker.is_running for worker in app.workers))
        assert "▀" not in frame(app)
    home.write_config("[ui]\nimages = false\n")
    attached(home, png())
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, app, "tern.png")
        assert "▀" not in frame(app)


def test_a_picture_keeps_its_proportions() -> None:
    assert cell_size(100, 100, 40, 40) == (40, 20)
    assert cell_size(100, 1000, 40, 10) == (2, 10)
    assert cell_size(5000, 1, 40, 10) == (40, 1)
    rows = half_cells(Image.new("RGBA", (30, 30), "red"), 20, 20)
    assert [row.plain for row in rows] == ["▀" * 20] * 10


@pytest.mark.parametrize(
    ("environ", "how"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "xterm-256color"}, "cells"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, "cells"),
    ],
)
def test_pixels_are_sent_only_to_a_terminal_that_is_known_to_take_them(environ: dict[str, str], how: str) -> None:
    assert protocol(environ) == how
