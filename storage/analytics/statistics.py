"""Figures about the history: what was used by day, model and source, what it cost, how long replies took, and when.

Days, models and sources come from what triggers have counted already. Costs, durations and hours are read from the
newest messages only, so that a history of millions is answered at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from ..clock import stored_time
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, json_object

NEWEST = 20_000
"""Messages among which costs and durations are read."""
NEWEST_TIMES = 200_000
"""Messages whose hours are counted, in whole hours."""
MOST_HOURS = 20_000
"""Hours that are looked at for them: each is a step to the next one in an index."""
OURS = "sterna"

DAYS = """
select usage_date as day, messages_sent as sent, messages_received as received, total_tokens as tokens,
    sessions_created as conversations, models_used
from user_usage_daily where user_id = :user order by usage_date
"""
SOURCES = """
select o.value as source, count(*) as conversations, coalesce(sum(c.messages), 0) as messages
from session_settings as o left join session_counts as c on c.session_id = o.session_id
where o.key = 'source'
group by 1
union all
select null, (select count(*) from chat_sessions), (select coalesce(sum(messages), 0) from session_counts)
"""
REPLIES = """
select message_timestamp as at, model, elapsed_ms,
    iif(json_valid(metadata) and json_type(metadata, '$.cost') in ('real', 'integer'),
        max(0, metadata ->> '$.cost'), null) as cost
from (
    select role, message_timestamp, model, elapsed_ms, metadata, error_message
    from chat_messages order by message_timestamp desc limit :newest
)
where role = 'assistant' and error_message is null
"""
HOURS = """
with recursive hours(hour) as (
    select substr(max(message_timestamp), 1, 13) from chat_messages
    union all
    select substr((select max(message_timestamp) from chat_messages where message_timestamp < hour), 1, 13)
    from hours where hour is not null
    limit :most
)
select hour, (
    select count(*) from chat_messages where message_timestamp >= hour and message_timestamp < hour || '~'
) as messages
from hours where hour is not null
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
            rows = self.db.rows(DAYS, user=self.db.user_id)
            replies = self.db.rows(REPLIES, newest=NEWEST)
            sources = self.db.rows(SOURCES)
            hours = list(self.newest_hours())
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

    def newest_hours(self) -> Iterator[tuple[str, int]]:
        """Yield hours, the newest first, with their messages, until there are enough of these."""
        left = NEWEST_TIMES
        for row in self.db.execute(HOURS, {"most": MOST_HOURS}):
            yield row["hour"], row["messages"]
            left -= row["messages"]
            if left <= 0:
                return


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
    sums: dict[str, list[int]] = {OURS: [0, 0]}
    for row in rows:
        count, messages = row["conversations"], row["messages"]
        if row["source"] is None:  # all of them, of which the others are taken away
            sums[OURS] = [sums[OURS][0] + count, sums[OURS][1] + messages]
            continue
        source = from_json(row["source"])
        if isinstance(source, str) and source and source != OURS:
            total = sums.setdefault(source, [0, 0])
            sums[source] = [total[0] + count, total[1] + messages]
            sums[OURS] = [sums[OURS][0] - count, sums[OURS][1] - messages]
    if not sums[OURS][0]:
        del sums[OURS]
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    return tuple(SourceUse(source, *total) for source, total in ordered)


def _hours(rows: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    counts = [0] * 24
    for hour, messages in rows:
        counts[stored_time(f"{hour}:00:00.000000Z").astimezone().hour] += messages
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
