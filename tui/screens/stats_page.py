"""Page with figures about the history, as plots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.color import Color
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from sterna.storage import StoreError, one_line
from sterna.storage.analytics.statistics import ModelReplies, Statistics, Summary

from ..context import AppContext
from ..counts import counted
from ..dialogs.panels import Columns, Dialog, Page

DAYS = (30, 90, 365)
"""Days that the plot shows, one after the other."""
SHOWN = 8


class StatsScreen(Dialog[None]):
    """Shows figures; changes nothing."""

    BINDINGS = [Binding("escape", "dismiss", "Close"), Binding("d", "days", "Days")]

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self.days = DAYS[0]
        self.summary: Summary | None = None

    def compose(self) -> ComposeResult:
        """Compose the plots and the texts."""
        with Page("Statistics", keys="↑ ↓ scroll   d days   esc close", classes="-sheet -large"):
            yield Static(Content("Reading the history…"), id="total")
            yield PlotextPlot(id="days")
            yield PlotextPlot(id="hours")
            with Columns():
                with VerticalGroup():
                    yield Static(Content(""), id="models")
                with VerticalGroup():
                    yield Static(Content(""), id="sources")

    def on_mount(self) -> None:
        """Read the figures."""
        for plot in self.query(PlotextPlot):
            plot.display = False
        self.query_one(Page).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._plot())
        self._fill()

    def action_days(self) -> None:
        """Show more days, and then few again."""
        self.days = DAYS[(DAYS.index(self.days) + 1) % len(DAYS)]
        self._plot()

    @work(group="stats", exclusive=True)
    async def _fill(self) -> None:
        try:
            self.summary = await self.context.store.run(Statistics.summary)
        except StoreError as error:
            lines = {"#total": [Content(str(error))]}
        else:
            lines = {
                "#total": _total(self.summary),
                "#models": _models(self.summary.models),
                "#sources": _sources(self.summary),
            }
            self._plot()
        for place, texts in lines.items():
            for widget in self.query(place).results(Static):  # none once the page was closed
                widget.update(Content("\n").join(texts))

    def _plot(self) -> None:
        if self.summary is None:
            return
        for plot in self.query("#days").results(PlotextPlot):
            names, values = messages_by_day(self.summary, self.days)
            _draw(plot, names, values, f"Messages by day, {self.days} days")
        for plot in self.query("#hours").results(PlotextPlot):
            hours = [f"{hour:02}" for hour in range(24)]
            _draw(plot, hours, self.summary.hours, "Messages by hour of the day")


def messages_by_day(summary: Summary, count: int) -> tuple[list[str], list[int]]:
    """Return the last ``count`` days and their messages, days without any too."""
    sums = {day.day: day.sent + day.received for day in summary.days}
    today = date.fromisoformat(summary.today)
    names = [(today - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]
    return [name[5:] for name in names], [sums.get(name, 0) for name in names]


def _draw(plot: PlotextPlot, names: Sequence[str], values: Sequence[int], title: str) -> None:
    plot.display = True
    plt = plot.plt
    plt.clear_data()
    places = [float(place) for place in range(len(names))]
    plt.bar(places, list(values), width=0.6, color=Color.parse(plot.app.theme_variables["primary"]).rgb)
    step = max(1, len(names) // 6)
    plt.xticks(places[::step], list(names)[::step])
    most = max([*values, 1])
    plt.ylim(0, most)
    plt.yticks(sorted({0.0, float(most // 2), float(most)}), [f"{count:,}" for count in sorted({0, most // 2, most})])
    plt.title(title)
    plot.refresh()


def _total(summary: Summary) -> list[Content]:
    sent, received = sum(day.sent for day in summary.days), sum(day.received for day in summary.days)
    tokens = sum(day.tokens for day in summary.days)
    streaks = summary.streaks
    lines = [
        Content(f"{counted(sent, 'message')} sent, {received:,} received, {counted(tokens, 'token')}"),
        Content(f"{counted(streaks.current, 'day')} in a row now, {streaks.longest:,} at most"),
    ]
    if summary.costs:
        month = sum(cost for day, cost in summary.costs.items() if day[:7] == summary.today[:7])
        whole = sum(summary.costs.values())
        lines.append(Content(f"Stated costs: {month:.2f} this month, {whole:.2f} of the newest replies"))
    return lines


def _models(models: Sequence[ModelReplies]) -> list[Content]:
    lines = [_head("By model")]
    for item in models[:SHOWN]:
        lines.append(_pair(one_line(item.model, 60), counted(item.replies, "reply", "replies")))
        facts = []
        if item.durations is not None:
            half, most, nearly_all = (f"{ms / 1000:.1f}" for ms in item.durations)
            facts.append(f"{half} s in half, {most} s in 90 %, {nearly_all} s in 99 %")
        if item.cost:
            facts.append(f"cost {item.cost:.4f}")
        if facts:
            lines.append(Content.styled("  " + ", ".join(facts), "$foreground 75%"))
    return lines if models else [*lines, Content("No replies yet.")]


def _sources(summary: Summary) -> list[Content]:
    lines = [_head("By source")]
    for source in summary.sources[:SHOWN]:
        told = f"{counted(source.messages, 'message')} in {counted(source.conversations, 'conversation')}"
        lines.append(_pair(one_line(source.source, 60), told))
    return lines


def _head(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _pair(name: str, value: str) -> Content:
    return Content.assemble((f"{name}  ", "$foreground 75%"), value)
