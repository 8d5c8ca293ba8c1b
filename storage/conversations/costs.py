"""Costs of a conversation, by model: what providers stated, and tokens of the replies for which they stated nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from ..clock import stamp
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from .other_costs import OtherCosts

_BY_MODEL = """
select coalesce(model, '') as model, coalesce(sum(cost), 0) as stated,
    coalesce(sum(iif(source in ('list', 'settings'), cost, 0)), 0) as estimated,
    coalesce(sum(iif(cost is null, input_tokens, 0)), 0) as input_tokens,
    coalesce(sum(iif(cost is null, output_tokens, 0)), 0) as output_tokens
from (
    select model, input_tokens, output_tokens,
        iif(json_type(metadata, '$.cost') in ('real', 'integer'), max(0, metadata ->> '$.cost'), null) as cost,
        metadata ->> '$.cost_source' as source
    from chat_messages where session_id = :id and role = 'assistant'
)
group by 1
"""


_SPENT = """
select coalesce(sum(max(0, metadata ->> '$.cost')), 0) as spent from chat_messages
where message_timestamp >= :since and role = 'assistant' and json_type(metadata, '$.cost') in ('real', 'integer')
    and json_type(metadata, '$.cost_source') = 'text'
"""
_DAYS = """
select date(m.message_timestamp, 'localtime') as day, coalesce(m.model, '') as model,
    coalesce(s.value ->> '$', '') as program, count(*) as replies,
    coalesce(sum(m.input_tokens), 0) as input_tokens, coalesce(sum(m.output_tokens), 0) as output_tokens,
    coalesce(sum(iif(json_type(m.metadata, '$.cost') in ('real', 'integer'), max(0, m.metadata ->> '$.cost'), 0)), 0)
        as cost,
    coalesce(max(m.metadata ->> '$.cost_source' in ('list', 'settings')), 0) as is_estimate
from chat_messages as m left join session_settings as s on s.session_id = m.session_id and s.key = 'source'
where m.message_timestamp >= :since and m.role = 'assistant'
group by 1, 2, 3 order by 1 desc, cost desc, 2, 3
"""


@dataclass(frozen=True, slots=True)
class DayCost:
    """Use of one model on one day."""

    day: str
    """Day here, as ``2026-03-14``."""
    model: str
    program: str
    """Program that the replies were imported from; empty: they were made here."""
    replies: int
    """Replies that are messages; titles, and replies that were not stored, are no part."""
    input_tokens: int
    output_tokens: int
    cost: float
    is_estimate: bool


class Spent(NamedTuple):
    """US dollars that replies made by Sterna have cost, on every synced device, and other requests on this one."""

    today: float
    this_month: float


@dataclass(frozen=True, slots=True)
class ModelCost:
    """Use of one model in a conversation."""

    model: str
    stated: float
    """Sum of what its provider stated, in the provider's currency."""
    input_tokens: int
    output_tokens: int
    """Tokens of the replies without a stated cost."""
    estimated: float = 0.0
    """Part of ``stated`` that was computed from prices."""


@in_sentences
class Costs:
    """Reading of what conversations have cost."""

    def __init__(self, db: Database, other_costs: OtherCosts) -> None:
        self.db = db
        self._other_costs = other_costs

    def by_model(self, session_id: str) -> list[ModelCost]:
        """Return the use of each model that replied in a conversation, in all its versions."""
        return [ModelCost(**row) for row in self.db.rows(_BY_MODEL, id=session_id)]

    def spent(self) -> Spent:
        """Return what today and this month, as the calendar here has them, have cost."""
        today = self._now().replace(hour=0, minute=0, second=0, microsecond=0)
        return Spent(self._spent_since(today), self._spent_since(today.replace(day=1)))

    def by_day(self, days: int) -> list[DayCost]:
        """Return the use of each model on each of the last ``days`` days, newest first, the dearest of a day first."""
        midnight = self._now().replace(hour=0, minute=0, second=0, microsecond=0)
        begin = midnight - timedelta(days=max(0, days - 1))
        rows = [
            DayCost(**{**dict(row), "is_estimate": bool(row["is_estimate"])})
            for row in self.db.rows(_DAYS, since=stamp(begin))
        ]
        found = {(row.day, row.model, row.program): row for row in rows}
        for other in self._other_costs.since(f"{begin:%Y-%m-%d}"):
            row = found.get((other.day, other.model, ""), DayCost(other.day, other.model, "", 0, 0, 0, 0.0, False))
            found[row.day, row.model, row.program] = replace(
                row,
                input_tokens=row.input_tokens + other.input_tokens,
                output_tokens=row.output_tokens + other.output_tokens,
                cost=row.cost + other.cost,
                is_estimate=row.is_estimate or other.is_estimate,
            )
        by_model = sorted(found.values(), key=lambda row: (-row.cost, row.model, row.program))
        return sorted(by_model, key=lambda row: row.day, reverse=True)

    def _now(self) -> datetime:
        return self.db.now().astimezone()

    def _spent_since(self, moment: datetime) -> float:
        row = self.db.one(_SPENT, since=stamp(moment))
        others = sum(other.cost for other in self._other_costs.since(f"{moment:%Y-%m-%d}"))
        return others + (float(row["spent"]) if row is not None else 0.0)
