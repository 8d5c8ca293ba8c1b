"""The status line fits, and says what goes on."""

from __future__ import annotations

import asyncio

import pytest
from home import Home, Scripted, frame, until, write
from textual.app import App, ComposeResult

from sterna.providers import Catalog, Delta, Done, Model, Usage
from sterna.providers.model_traits import Traits
from sterna.storage import Conversations
from sterna.sync.status import SyncReport, short_status
from sterna.tui.counts import short_cost, short_count
from sterna.tui.dialogs.panels import CheckField, TextField
from sterna.tui.main.status_bar import Hint, StatusLine, replying
from sterna.tui.messages import ActionRequested

HINTS = (
    Hint("enter", "send", "prompt.send"),
    Hint("f1", "help", "app.help"),
    Hint("ctrl+n", "new", "conversation.new"),
)


class Priced(Scripted):
    """A provider whose list states prices."""

    def __init__(self, traits: Traits) -> None:
        super().__init__()
        self._traits = traits

    async def models(self) -> list[Model]:
        return [Model(self.name, "small", traits=self._traits), Model(self.name, "other")]


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
    ("width", "shown"),
    [
        (100, "openrouter/qwen/qwen3-32b · 3.2k of 8k tokens · $0.0042 · synced · 2 conflicts"),
        (70, "openrouter/qwen/qwen3-32b · 40% · $0.0042 · synced · 2 conflicts"),
        (60, "openrouter/qwen/qwen3-32b · 40% · $0.0042 · ✓ !"),
        (40, "qwen3-32b · 40% · $0.0042 · ✓ !"),
        (30, "qwen3-32b · 40% · $0.0042"),
        (20, "qwen3-32b · 40%"),
    ],
)
async def test_model_context_cost_and_sync_are_readable_at_any_width(width: int, shown: str) -> None:
    app = OneLine()
    async with app.run_test(size=(width, 3)) as pilot:
        status = app.query_one(StatusLine)
        status.model, status.context, status.share = "openrouter/qwen/qwen3-32b", "3.2k of 8k tokens", 40
        status.cost, status.sync, status.sync_short = "$0.0042", "synced · 2 conflicts", "✓ !"
        await pilot.pause()
        assert line(app).strip() == shown
        await pilot.click(StatusLine, offset=(2, 0))
        await pilot.click(StatusLine, offset=(shown.find("$0") + 1, 0))
        await pilot.pause()
        assert app.asked == ["model.choose", "app.profile" if "$" in shown else "model.choose"]


@pytest.mark.parametrize(
    ("dollars", "text"), [(0, ""), (0.00001, "<$0.0001"), (0.00423, "$0.0042"), (0.305, "$0.30"), (1234.5, "$1,234.50")]
)
def test_costs_are_short(dollars: float, text: str) -> None:
    assert short_cost(dollars) == text


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (SyncReport("local"), ""),
        (SyncReport("synced"), "✓"),
        (SyncReport("synced", conflicts=1), "✓ !"),
        (SyncReport("waiting", 3), "↑3"),
        (SyncReport("waiting", 9_999), "↑999+"),
        (SyncReport("offline", 2), "offline"),
        (SyncReport("signin"), "needs sign-in"),
    ],
)
def test_the_sync_status_has_a_short_form(report: SyncReport, text: str) -> None:
    assert short_status(report) == text


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


async def test_the_cost_of_a_conversation_is_what_providers_stated(home: Home) -> None:
    home.model.say([Delta("One."), Usage(30, 2, 32, cost=0.25), Done()], [Delta("Two."), Usage(60, 4, 64), Done()])
    app = home.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        for question, answer in (("And?", "One."), ("And then?", "Two.")):
            await write(pilot, question)
            await pilot.press("enter")
            await until(pilot, lambda answer=answer: answer in frame(app))  # type: ignore[misc]
        await until(pilot, lambda: app.main.status.cost == "$0.25")
        await until(pilot, lambda: app.main.status.share == 1)
        assert "64 of 8k tokens · $0.25" in frame(app)


def test_prices_of_the_provider_estimate_what_it_does_not_state() -> None:
    traits = Traits(pricing={"prompt": "0.000001", "completion": "0.00001"})
    catalog = Catalog([], guide=Priced(traits))
    asyncio.run(catalog.models())
    assert catalog.price("test/small", 1_000, 100) == pytest.approx(0.002)
    assert catalog.price("test/other", 1_000, 100) is None


async def test_a_conversation_chooses_to_have_summarised_what_no_longer_fits(home: Home) -> None:
    home.model.say([Delta("One."), Done()])
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "And?")
        await pilot.press("enter")
        await until(pilot, lambda: "One." in frame(app))
        conversation_id = app.main.conversation.id
        assert conversation_id is not None
        summary = {"text": "Terns.", "last_id": "m", "messages": 2}
        await app.context.store.run(Conversations.set_setting, conversation_id, "summary", summary)
        await pilot.press("f4")
        await until(pilot, lambda: "[ ] Summarise earlier messages" in frame(app))
        app.screen.query_one(CheckField).toggle()
        app.screen.query(TextField)[1].text = "Terns, mostly."
        await pilot.press("f4")
        await until(pilot, lambda: app.main.conversation.choices.get("context") == "summarise")
        stored = await app.context.store.run(Conversations.settings, conversation_id)
        assert (stored["context"], stored["summary"]) == ("summarise", summary | {"text": "Terns, mostly."})
