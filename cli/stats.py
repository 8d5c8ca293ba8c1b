"""``sterna stats``: figures about the history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import click

from sterna.storage import one_line
from sterna.storage.analytics.statistics import NEWEST, DayUse, ModelReplies, Summary

from .context import CommandContext
from .output import counted, paint, print_json

SHOWN = 10
BAR = 40


@click.command(short_help="Show figures about the history.")
@click.option("--days", "-d", type=click.IntRange(1, 366), default=14, show_default=True, help="Days that are listed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all days.")
@click.pass_obj
def stats(context: CommandContext, days: int, as_json: bool) -> None:
    """Show what was used by day, model and source, what it cost, how long replies took, streaks and busiest hours.

    Days are those of UTC, hours those of this computer. Costs are what providers stated; costs and durations are of the
    newest 20,000 messages, hours of the newest 200,000.

    With --json the object has: days (day, sent, received, tokens, conversations), models (model, replies, cost,
    p50_ms, p90_ms, p99_ms), sources (source, conversations, messages), costs (by day), hours (24 numbers), streak_days
    (current, longest).
    """
    with context.history() as store:
        summary = store.statistics.summary()
    if as_json:
        print_json(_object(summary))
        return
    for title, lines in _sections(summary, days):
        click.echo(paint(title, bold=True))
        for line in lines:
            click.echo(f"  {line}")


def _object(summary: Summary) -> dict[str, object]:
    return {
        "days": [day._asdict() for day in summary.days],
        "models": [
            {"model": item.model, "replies": item.replies, "cost": item.cost}
            | dict(zip(("p50_ms", "p90_ms", "p99_ms"), item.durations or (None, None, None), strict=True))
            for item in summary.models
        ],
        "sources": [source._asdict() for source in summary.sources],
        "costs": summary.costs,
        "hours": list(summary.hours),
        "streak_days": summary.streaks._asdict(),
    }


def _sections(summary: Summary, count: int) -> Iterator[tuple[str, list[str]]]:
    sent, received = sum(day.sent for day in summary.days), sum(day.received for day in summary.days)
    tokens = sum(day.tokens for day in summary.days)
    total = f"{counted(sent, 'message')} sent, {received:,} received, {counted(tokens, 'token')}"
    streaks = summary.streaks
    streak = f"{counted(streaks.current, 'day')} in a row now, {streaks.longest:,} at most"
    yield "All time", [total, streak]
    by_day = {day.day: day for day in summary.days}
    today = date.fromisoformat(summary.today)
    names = [(today - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]
    listed = [by_day.get(name, DayUse(name, 0, 0, 0, 0)) for name in names]
    yield "Messages by day", _bars([(day.day, day.sent + day.received) for day in listed])
    yield "By model", [_model(item) for item in summary.models[:SHOWN]] or ["No replies yet."]
    yield (
        "By source",
        [
            f"{counted(source.messages, 'message')} in {counted(source.conversations, 'conversation')}"
            f"  {one_line(source.source, 60)}"
            for source in summary.sources[:SHOWN]
        ],
    )
    if summary.costs:
        month = sum(cost for day, cost in summary.costs.items() if day[:7] == summary.today[:7])
        whole = sum(summary.costs.values())
        yield f"Cost (stated, of the newest {NEWEST:,} messages)", [f"{month:.2f} this month, {whole:.2f} in all"]
    if any(summary.hours):
        yield "By hour", _bars([(f"{hour:02}:00", messages) for hour, messages in enumerate(summary.hours)])


def _model(item: ModelReplies) -> str:
    text = f"{item.replies:>7,}  {one_line(item.model, 60)}"
    if item.durations is not None:
        text += "  " + " / ".join(f"{ms / 1000:.1f}" for ms in item.durations) + " s (half, 90 %, 99 %)"
    return text + (f"  {item.cost:.4f}" if item.cost else "")


def _bars(values: Sequence[tuple[str, int]]) -> list[str]:
    most = max((value for _, value in values), default=0) or 1
    return [f"{name}  {value:>6,}  {'█' * round(value * BAR / most)}".rstrip() for name, value in values]
