"""The page with figures, over the whole program."""

from __future__ import annotations

from contrast import cells
from home import Home, frame, until
from textual.color import Color

from sterna.tui.app import SternaApp
from sterna.tui.terminal.themes import DARK, LIGHT


def bar_colors(app: SternaApp) -> set[Color]:
    """Return the colours of the bars."""
    return {cell.foreground for cell in cells(app) if cell.text == "█"}


async def test_the_plot_shows_more_days_when_asked(home: Home) -> None:
    home.seed(("Terns?", "Yes."), ("Gulls?", "No."))
    app = home.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press("ctrl+x", "%")
        await until(pilot, lambda: "Messages by day, 30 days" in frame(app))
        assert "messages sent" in frame(app)
        assert "█" in frame(app)
        for days in ("90", "365", "30"):
            await pilot.press("d")
            await until(pilot, lambda days=days: f"Messages by day, {days} days" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_the_bars_take_the_colour_of_a_theme_that_is_chosen_while_they_are_shown(home: Home) -> None:
    home.seed(("Terns?", "Yes."))
    app = home.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press("ctrl+x", "%")
        await until(pilot, lambda: "█" in frame(app))
        assert bar_colors(app) == {Color.parse(DARK.primary)}
        app.theme = LIGHT.name
        await until(pilot, lambda: bar_colors(app) == {Color.parse(LIGHT.primary)})
