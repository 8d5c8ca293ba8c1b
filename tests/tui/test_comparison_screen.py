"""Several models answer one message side by side: each as it comes, one is kept, and nothing is lost."""

from __future__ import annotations

from home import Home, frame, no_reply_runs, says, shown, until, write
from test_reply_again import DOWN, texts
from textual.widgets import Input

from sterna.tui.app import SternaApp
from sterna.tui.comparison.screen import ComparisonScreen


def columns(app: SternaApp) -> list[str]:
    """What the state line of each column says, without times."""
    screen = app.screen
    assert isinstance(screen, ComparisonScreen)
    return [str(column.state.render()).partition(" ·")[0] for column in screen._columns]


async def test_replies_come_side_by_side_and_one_is_kept(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        home.model.say("alpha one", "beta two")
        home.model.hold()
        await write(pilot, "Which way do terns fly?")
        await pilot.press("ctrl+x", "=")
        await shown(pilot, app, "Mark one to three more")  # the model in use is marked
        await write(pilot, "lar")
        await until(pilot, lambda: app.screen.query_one(Input).value == "lar")
        await pilot.press("space")
        await shown(pilot, app, "Marked: small, large")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        await shown(pilot, app, "alpha")
        await shown(pilot, app, "beta")
        assert texts(home) == ["Which way do terns fly?"]
        assert [request.model for request in home.model.requests] == ["small", "large"]
        await pilot.press("s")
        await until(pilot, lambda: columns(app)[0] == "■ stopped")
        assert columns(app)[1].startswith("replying")
        home.model.release()
        await until(pilot, lambda: columns(app)[1] == "✓ complete")
        assert texts(home) == ["Which way do terns fly?", "alpha"]  # the first to end
        await pilot.press("right", "enter")
        await says(pilot, app, "Kept.")
        await shown(pilot, app, "‹ 2 of 2 ›")
        assert texts(home) == ["Which way do terns fly?", "beta two"]
        assert app.main.prompt.text == ""

        # again, from the message itself: a failure leaves the others alone, and who leaves goes on reading
        home.model.say(DOWN, "gamma three")
        home.model.hold()
        await pilot.press("ctrl+g", "g", "equals_sign")
        await shown(pilot, app, "Compare these 2 models")  # those of the last time
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen) and columns(app)[0] == "✗ failed")
        await pilot.resize_terminal(40, 14)
        await until(pilot, lambda: "The server is down." in frame(app) and "gamma" not in frame(app))
        await pilot.press("2")
        await shown(pilot, app, "gamma")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("ctrl+x", "=")  # what arrives is shown again
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        await pilot.press("escape")
        home.model.release()
        await until(pilot, lambda: no_reply_runs(app))
        await until(pilot, lambda: texts(home) == ["Which way do terns fly?", "gamma three"])
        await shown(pilot, app, "‹ 3 of 3 ›")

        # the replies that there are can be seen side by side again
        await pilot.press("ctrl+x", "=")
        await shown(pilot, app, "Show the 3 replies that there are")
        await pilot.press("up", "up", "up", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        assert columns(app) == ["■ stopped", "✓ complete", "✓ complete"]
        await pilot.press("1", "enter")
        await until(pilot, lambda: texts(home) == ["Which way do terns fly?", "alpha"])
        assert len(home.model.requests) == 4
