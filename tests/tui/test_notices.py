"""Notices of several lines leave the text of the prompt visible."""

from __future__ import annotations

import pytest
from home import Home, frame, until
from test_app import opened
from textual.widgets._toast import Toast

from sterna.tui.app import SternaApp


def covered(app: SternaApp) -> set[int]:
    """Rows of the screen that notices cover."""
    return {row for toast in app.screen.query(Toast) for row in range(toast.region.y, toast.region.bottom)}


@pytest.mark.parametrize("size", [(80, 24), (40, 14)])
async def test_a_notice_stands_above_the_prompt_when_it_does_not_fit_below(home: Home, size: tuple[int, int]) -> None:
    app = home.app()
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(pilot, app)
        top = app.main.prompt.region.y
        app.notify("one\ntwo\nthree", severity="error", timeout=60)
        await until(pilot, lambda: covered(app) == {top - 3, top - 2, top - 1})
        app.notify("short", severity="error", timeout=60)
        await until(pilot, lambda: covered(app) == {size[1] - 1})


async def test_a_notice_is_seen_however_many_others_it_follows(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, app)
        for number in range(12):
            app.notify(f"notice {number}", timeout=60)
            await until(pilot, lambda: f"notice {number}" in frame(app))  # noqa: B023 – called at once
