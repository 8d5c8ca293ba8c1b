"""The status line fits, and says what goes on."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from sterna.tui.counts import short_count
from sterna.tui.main.status_bar import Hint, StatusLine, replying
from sterna.tui.messages import ActionRequested

HINTS = (
    Hint("enter", "send", "prompt.send"),
    Hint("f1", "help", "app.help"),
    Hint("ctrl+n", "new", "conversation.new"),
)


class OneLine(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield StatusLine()

    def on_action_requested(self, event: ActionRequested) -> None:
        self.asked.append(event.action_id)


def line(app: App[None]) -> str:
    return app.query_one(StatusLine).render().plain


@pytest.mark.parametrize("width", [10, 24, 40, 60, 100])
async def test_what_does_not_fit_is_left_out_whole(width: int) -> None:
    app = OneLine()
    async with app.run_test(size=(width, 3)) as pilot:
        status = app.query_one(StatusLine)
        status.model, status.context, status.sync = "local/small", "3.2k of 8k tokens", "local only"
        status.hints = HINTS
        await pilot.pause()
        shown = line(app)
        assert len(shown) <= width
        assert shown.startswith("local/smal"[: width * 2 // 3 - 1])
        for hint in HINTS:
            assert hint.key not in shown or f"{hint.key} {hint.word}" in shown


async def test_what_goes_on_is_said_first() -> None:
    app = OneLine()
    async with app.run_test(size=(80, 3)) as pilot:
        status = app.query_one(StatusLine)
        status.model, status.activity = "local/small", "replying 3 s"
        await pilot.pause()
        assert line(app).startswith("replying 3 s · local/small")


async def test_a_click_on_a_hint_does_what_its_key_does() -> None:
    app = OneLine()
    async with app.run_test(size=(60, 3)) as pilot:
        status = app.query_one(StatusLine)
        status.hints = HINTS
        await pilot.pause()
        await pilot.click(StatusLine, offset=(line(app).index("f1"), 0))
        await pilot.click(StatusLine, offset=(0, 0))
        await pilot.pause()
        assert app.asked == ["app.help"]


async def test_a_model_with_an_escape_sequence_in_its_name_is_shown_without_it() -> None:
    app = OneLine()
    async with app.run_test(size=(60, 3)) as pilot:
        app.query_one(StatusLine).model = "evil\x1b[2J[bold]/x"
        await pilot.pause()
        assert line(app).startswith("evil[2J[bold]/x")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (950, "950"), (1_000, "1k"), (3_240, "3.2k"), (128_000, "128k"), (999_700, "1M"), (1_100_000, "1.1M")],
)
def test_numbers_of_tokens_are_short(count: int, text: str) -> None:
    assert short_count(count) == text


def test_speed_is_told_once_there_is_some() -> None:
    assert replying(4.2, "", is_waiting=True) == "waiting 4 s"
    assert replying(0.5, "a" * 400, is_waiting=False) == "replying 0 s"
    assert replying(10.0, "a" * 2_000, is_waiting=False) == "replying 10 s, 50 tokens/s"
