"""Figures about the history: what was used by day, model and source, what it cost, how long replies took, and when.

Days, models and sources come from what triggers have counted already. Costs, durations and hours are read from the
newest messages only, so that a history of millions is answered at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from ..clock import stored_time
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, json_object

NEWEST = 20_000
"""Messages among which costs and durations are read."""
NEWEST_TIMES = 200_000
"""Messages whose hours are counted."""
OURS = "sterna"

_DAYS = """
select usage_date as day, messages_sent as sent, messages_received as received, total_tokens as tokens,
    sessions_created as conversations, models_used
from user_usage_daily where user_id = :user order by usage_date
"""
_SOURCES = """
select o.value as source, count(*) as conversations, coalesce(sum(s.message_count), 0) as messages
from chat_sessions as s
left join session_settings as o on o.session_id = s.id and o.key = 'source'
group by 1
"""
_REPLIES = """
select message_timestamp as at, model, elapsed_ms,
    iif(json_valid(metadata) and json_type(metadata, '$.cost') in ('real', 'integer'),
        max(0, metadata ->> '$.cost'), null) as cost
from (
    select role, message_timestamp, model, elapsed_ms, metadata, error_message
    from chat_messages order by message_timestamp desc limit :newest
)
where role = 'assistant' and error_message is null
"""
_HOURS = """
select substr(at, 1, 13) as hour, min(at) as at, count(*) as messages
from (select message_timestamp as at from chat_messages order by message_timestamp desc limit :newest)
group by 1
"""


class DayUse(NamedTuple):
    """What was used on one day (UTC)."""

    day: str
    sent: int
    received: int
    tokens: int
    conversations: int
    """Begun on this day."""


class SourceUse(NamedTuple):
    """Conversations that come from one program."""

    source: str
    conversations: int
    messages: int


class ModelReplies(NamedTuple):
    """Replies of one model."""

    model: str
    replies: int
    """Of all time."""
    cost: float | None
    """What its provider stated for the newest replies; None where it stated nothing."""
    durations: tuple[int, int, int] | None
    """Milliseconds that half, nine of ten, and 99 of 100 of the newest replies took at most."""


class Streaks(NamedTuple):
    """Days in a row on which something was sent."""

    current: int
    """Up to today or yesterday."""
    longest: int


class Summary(NamedTuple):
    """Figures about the history."""

    days: tuple[DayUse, ...]
    """Days with any use, the oldest first."""
    models: tuple[ModelReplies, ...]
    """The most used first."""
    sources: tuple[SourceUse, ...]
    """The one with the most messages first."""
    costs: dict[str, float]
    """Stated costs by day, of the newest replies."""
    hours: tuple[int, ...]
    """Messages in each hour of the day, local time, of the newest ones."""
    streaks: Streaks
    today: str


@in_sentences
class Statistics:
    """Reading of figures about the history."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def summary(self) -> Summary:
        """Return all figures."""
        today = self.db.stamp()[:10]
        with self.db.snapshot():
            rows = self.db.rows(_DAYS, user=self.db.user_id)
            replies = self.db.rows(_REPLIES, newest=NEWEST)
            sources = self.db.rows(_SOURCES)
            hours = self.db.rows(_HOURS, newest=NEWEST_TIMES)
        days = tuple(DayUse(row["day"], *(row[name] or 0 for name in DayUse._fields[1:])) for row in rows)
        costs: Counter[str] = Counter()
        for row in replies:
            if row["cost"] is not None:
                costs[row["at"][:10]] += row["cost"]
        return Summary(
            days=tuple(day for day in days if any(day[1:])),
            models=_models((row["models_used"] for row in rows), replies),
            sources=_sources(sources),
            costs=dict(sorted(costs.items())),
            hours=_hours(hours),
            streaks=_streaks([day.day for day in days if day.sent], today),
            today=today,
        )


def _models(used: Iterable[str | None], replies: Sequence[Any]) -> tuple[ModelReplies, ...]:
    counts: Counter[str] = Counter()
    for text in used:
        for name, count in json_object(text).items():
            if isinstance(count, int):
                counts[name] += count
    costs: dict[str, float] = {}
    times: dict[str, list[int]] = {}
    for row in replies:
        name = row["model"] or ""
        if row["cost"] is not None:
            costs[name] = costs.get(name, 0.0) + row["cost"]
        if (row["elapsed_ms"] or 0) > 0:
            times.setdefault(name, []).append(row["elapsed_ms"])
    return tuple(
        ModelReplies(name, count, costs.get(name), _percentiles(times.get(name, [])))
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count > 0
    )


def _percentiles(times: list[int]) -> tuple[int, int, int] | None:
    if not times:
        return None
    ordered = sorted(times)
    half, most, nearly_all = (ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (50, 90, 99))
    return half, most, nearly_all


def _sources(rows: Sequence[Any]) -> tuple[SourceUse, ...]:
    sums: dict[str, list[int]] = {}
    for row in rows:
        source = from_json(row["source"])
        total = sums.setdefault(source if isinstance(source, str) and source else OURS, [0, 0])
        total[0] += row["conversations"]
        total[1] += row["messages"]
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    return tuple(SourceUse(source, *total) for source, total in ordered)


def _hours(rows: Sequence[Any]) -> tuple[int, ...]:
    counts = [0] * 24
    for row in rows:
        counts[stored_time(row["at"]).astimezone().hour] += row["messages"]
    return tuple(counts)


def _streaks(days: Sequence[str], today: str) -> Streaks:
    longest = length = 0
    before: date | None = None
    for text in days:
        day = date.fromisoformat(text)
        length = length + 1 if before is not None and day - before == timedelta(days=1) else 1
        longest, before = max(longest, length), day
    is_current = before is not None and date.fromisoformat(today) - before <= timedelta(days=1)
    return Streaks(length if is_current else 0, longest)
