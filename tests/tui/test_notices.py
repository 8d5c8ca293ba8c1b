"""Notices of several lines leave the text of the prompt visible."""

from __future__ import annotations

import pytest
from home import Home, drawn, frame, opened, shown, until, write
from textual.widgets._toast import Toast

from sterna.tui.app import SternaApp


def covered(app: SternaApp) -> set[int]:
    """Rows of the screen that notices cover."""
    return {row for toast in app.screen.query(Toast) for row in range(toast.region.y, toast.region.bottom)}


async def test_a_notice_stands_above_the_prompt_when_it_does_not_fit_below(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, app)
        top = app.main.prompt.region.y
        app.notify("one\ntwo\nthree", severity="error", timeout=60)
        await until(pilot, lambda: covered(app) == {top - 3, top - 2, top - 1})
        app.notify("short", severity="error", timeout=60)
        await until(pilot, lambda: covered(app) == {23})


async def test_a_notice_in_a_short_terminal_stands_below_the_title_where_it_covers_no_hint(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(40, 14), notifications=True) as pilot:
        await opened(pilot, app)
        for text, rows in (("one\ntwo\nthree", {1, 2, 3}), ("short", {1})):
            app.notify(text, severity="error", timeout=60)
            await until(pilot, lambda rows=rows: covered(app) == rows)
        assert "enter send" in frame(app)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: covered(app) == {23})


@pytest.mark.parametrize(("key", "hint"), [("f1", "esc close"), ("ctrl+l", "esc cancel")])
async def test_a_notice_over_a_dialog_leaves_its_keys_visible(home: Home, key: str, hint: str) -> None:
    app = home.app()
    async with app.run_test(size=(40, 14), notifications=True) as pilot:
        await opened(pilot, app)
        await pilot.press(key)
        await until(pilot, lambda: hint in frame(app))
        app.notify("short", timeout=60)
        await until(pilot, lambda: covered(app) == {12})
        assert hint in frame(app)


async def test_an_error_goes_when_what_failed_has_worked_or_was_given_up(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, app)
        for mend in ("ctrl+u", "model", "escape"):
            await write(pilot, "/model nowhere/x")
            await until(pilot, lambda: app.main.prompt.text == "/model nowhere/x")
            await pilot.press("enter")
            await until(pilot, lambda: "no provider named" in frame(app))
            if mend == "model":
                app.main.prompt.replace_all("/model test/large")
                await pilot.press("enter")
            else:
                await pilot.press(mend)
            await until(pilot, lambda: "no provider named" not in frame(app))
            app.main.prompt.put("")


async def test_a_notice_is_seen_however_many_others_it_follows(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, app)
        for number in range(12):
            app.notify(f"notice {number}", timeout=60)
            await until(pilot, lambda: f"notice {number}" in frame(app))  # noqa: B023 – called at once


async def test_a_notice_stands_once_while_a_dialog_is_open_and_is_back_behind_it(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, app)
        app.notify("Something was restored.")
        await shown(pilot, app, "Something was restored.")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.screen is not app.main and "Something was restored." in drawn(app))
        assert drawn(app).count("Something was restored.") == 1
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main and "Something was restored." in drawn(app))
