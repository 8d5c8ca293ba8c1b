"""The page with figures, over the whole program."""

from __future__ import annotations

from home import Home, frame, until


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
