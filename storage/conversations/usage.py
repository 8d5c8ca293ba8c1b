"""Usage by day. Triggers count as messages are written; this is for what no trigger sees, and for reading.

``track_user_usage`` is a view whose INSTEAD OF trigger does the counting (storage/schema/03_usage.sql), so a message, a
bulk import and a caller here add in exactly the same way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, to_json

_ADD = """
insert into track_user_usage (
    user_id, messages_sent, messages_received, input_tokens, output_tokens, models_used, sessions_created,
    generation_ms, usage_date
)
values (
    :user_id, :messages_sent, :messages_received, :input_tokens, :output_tokens, :models_used, :sessions_created,
    :generation_ms, :usage_date
)
"""

_COUNT = """
insert into session_counts (session_id, messages, tokens)
select s.id, count(m.id), coalesce(sum(m.total_tokens), 0)
from json_each(:ids) as wanted
join chat_sessions as s on s.id = wanted.value
left join chat_messages as m on m.session_id = s.id and m.standing is not null
group by s.id
on conflict (session_id) do update set messages = excluded.messages, tokens = excluded.tokens
"""

_BY_ROLE = """
select m.role, iif(m.role = 'assistant', m.model, null) as model, count(*) as messages,
    coalesce(sum(m.input_tokens), 0) as input_tokens, coalesce(sum(m.output_tokens), 0) as output_tokens,
    coalesce(sum(m.elapsed_ms), 0) as elapsed_ms
from json_each(:ids) as wanted
join chat_messages as m on m.session_id = wanted.value and m.standing is not null
group by 1, 2
"""

_BY_DAY = """
select substr(m.message_timestamp, 1, 10) as day, m.role, iif(m.role = 'assistant', m.model, null) as model,
    count(*) as messages, coalesce(sum(m.input_tokens), 0) as input_tokens,
    coalesce(sum(m.output_tokens), 0) as output_tokens, coalesce(sum(m.elapsed_ms), 0) as elapsed_ms
from json_each(:ids) as wanted
join chat_messages as m on m.{column} = wanted.value and m.standing is not null
group by 1, 2, 3
"""

_CREATED_BY_DAY = """
select substr(s.created_at, 1, 10) as day, count(*) as sessions
from json_each(:ids) as wanted join chat_sessions as s on s.id = wanted.value
group by 1
"""

_SESSIONS = """
select count(*) filter (where not exists (select 1 from deleted_sessions as d where d.id = s.id)),
    coalesce(max(s.local_id), 0)
from json_each(:ids) as wanted
join chat_sessions as s on s.id = wanted.value
"""

_DAYS = """
select usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
    sessions_created, active_minutes, generation_ms
from user_usage_daily
where user_id = :user_id and usage_date >= date(:today, :back)
order by usage_date desc
"""


@dataclass(frozen=True, slots=True)
class UsageContribution:
    """Contribution of some conversations to the use of their owner.

    See docs/specification/triggers.md#usage-contribution.
    """

    sessions: int = 0
    newest: int = 0
    """The local number of the newest of them."""
    messages: int = 0
    """All that count, system messages too."""
    sent: int = 0
    received: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    generation_ms: int = 0
    models: Mapping[str, int] = field(default_factory=dict)


@in_sentences
class Usage:
    """Counting and reading what was used."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def usage_today(self) -> dict[str, Any]:
        """Return today's counters; zeros on a day without any."""
        today = self.db.stamp()[:10]
        for day in self.usage_days(1):
            return day
        zeros = dict.fromkeys(
            ("messages_sent", "messages_received", "input_tokens", "output_tokens", "total_tokens"), 0
        ) | dict.fromkeys(("sessions_created", "active_minutes", "generation_ms"), 0)
        return {"usage_date": today, **zeros, "models_used": {}}

    def usage_days(self, days: int) -> list[dict[str, Any]]:
        """Return the counters of the last ``days`` days that have any, newest first; the first of them is today."""
        result = self.db.rows(
            _DAYS, user_id=self.db.user_id, today=self.db.stamp()[:10], back=f"-{max(0, days - 1):d} days"
        )
        return [{**dict(row), "models_used": from_json(row["models_used"])} for row in result]

    def recompute_sessions(self, session_ids: Iterable[str]) -> None:
        """Count the messages of conversations again and update what they show; ignore ids without a conversation."""
        ids = to_json(sorted(set(session_ids)))
        with self.db.write():
            self.db.execute(_COUNT, {"ids": ids})
            self.db.execute(
                "insert into update_session_stats (session_id) select value from json_each(:ids)", {"ids": ids}
            )

    def counted_usage(self, session_ids: Iterable[str]) -> UsageContribution:
        """Return what these conversations contribute now, counted row by row."""
        ids = to_json(sorted(set(session_ids)))
        sessions, newest = self.db.execute(_SESSIONS, {"ids": ids}).fetchone()
        sums = {"messages": 0, "sent": 0, "received": 0, "input_tokens": 0, "output_tokens": 0, "generation_ms": 0}
        models: dict[str, int] = {}
        for row in self.db.rows(_BY_ROLE, ids=ids):
            sums["messages"] += row["messages"]
            if row["role"] == "user":
                sums["sent"] += row["messages"]
                sums["input_tokens"] += row["input_tokens"]
            elif row["role"] == "assistant":
                sums["received"] += row["messages"]
                sums["output_tokens"] += row["output_tokens"]
                sums["generation_ms"] += row["elapsed_ms"]
                if row["model"] is not None:
                    models[row["model"]] = row["messages"]
        return UsageContribution(sessions=sessions, newest=newest, models=models, **sums)

    def recompute_usage(self, session_ids: Iterable[str], before: UsageContribution) -> None:
        """Add what these conversations contribute beyond ``before``: what the triggers would have added, row by row.

        For a bulk import: ``before = counted_usage(ids)``, write the rows with the triggers aside, then this.
        """
        ids = list(session_ids)
        with self.db.write():
            now = self.counted_usage(ids)
            added = {
                "messages_sent": now.sent - before.sent,
                "messages_received": now.received - before.received,
                "input_tokens": now.input_tokens - before.input_tokens,
                "output_tokens": now.output_tokens - before.output_tokens,
                "generation_ms": now.generation_ms - before.generation_ms,
            }
            sessions = now.sessions - before.sessions
            names = now.models.keys() | before.models.keys()
            changes = {name: now.models.get(name, 0) - before.models.get(name, 0) for name in sorted(names)}
            models = {name: change for name, change in changes.items() if change}
            if any(added.values()) or models or sessions:
                self.add_usage(self.db.user_id, added, models, sessions_created=sessions)
            self.db.execute(
                "update profiles set total_conversations = total_conversations + :sessions,"
                " message_count = message_count + :messages,"
                " last_session_id = iif(:newest > :known, (select id from chat_sessions where local_id = :newest),"
                " last_session_id) where id = :user_id",
                {
                    "sessions": sessions,
                    "messages": now.messages - before.messages,
                    "newest": now.newest,
                    "known": before.newest,
                    "user_id": self.db.user_id,
                },
            )

    def add_by_day(self, session_ids: Iterable[str]) -> None:
        """Count conversations that were written with the triggers aside, on the days of their messages."""
        ids = to_json(list(session_ids))
        created = {row["day"]: row["sessions"] for row in self.db.rows(_CREATED_BY_DAY, ids=ids)}
        self._add_days(self.db.rows(_BY_DAY.format(column="session_id"), ids=ids), created)

    def add_messages_by_day(self, message_ids: Iterable[str]) -> None:
        """Count messages that were written with the triggers aside, on their days."""
        self._add_days(self.db.rows(_BY_DAY.format(column="id"), ids=to_json(list(message_ids))), {})

    def _add_days(self, rows: Iterable[sqlite3.Row], created: Mapping[str, int]) -> None:
        counters = ("messages_sent", "messages_received", "input_tokens", "output_tokens", "generation_ms")
        days = {day: dict.fromkeys(counters, 0) for day in created}
        models: dict[str, dict[str, int]] = {}
        messages = 0
        for row in rows:
            added = days.setdefault(row["day"], dict.fromkeys(counters, 0))
            messages += row["messages"]
            if row["role"] == "user":
                added["messages_sent"] += row["messages"]
                added["input_tokens"] += row["input_tokens"]
            elif row["role"] == "assistant":
                added["messages_received"] += row["messages"]
                added["output_tokens"] += row["output_tokens"]
                added["generation_ms"] += row["elapsed_ms"]
                if row["model"] is not None:
                    models.setdefault(row["day"], {})[row["model"]] = row["messages"]
        with self.db.write():
            for day, added in sorted(days.items()):
                sessions = created.get(day, 0)
                self.add_usage(self.db.user_id, added, models.get(day, {}), sessions_created=sessions, usage_date=day)
            self.db.execute(
                """update profiles set total_conversations = total_conversations + :sessions,
                    message_count = message_count + :messages where id = :user_id""",
                {"sessions": sum(created.values()), "messages": messages, "user_id": self.db.user_id},
            )

    def add_usage(
        self,
        user_id: str,
        added: Mapping[str, int],
        models: Mapping[str, int],
        *,
        sessions_created: int,
        usage_date: str | None = None,
    ) -> None:
        """Add to the counters of a day, today if none is named, and to the profile's totals."""
        self.db.execute(
            _ADD,
            {
                "user_id": user_id,
                **added,
                "models_used": to_json(dict(models)),
                "sessions_created": sessions_created,
                "usage_date": usage_date,
            },
        )
