"""Costs of requests whose replies are no messages, such as titles: added up by day and model, on this device."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences

PREFIX = "other_costs:"
"""Keys of the local state, each with a day."""
DAYS_KEPT = 400


class OtherCost(NamedTuple):
    """Use of one model on one day."""

    day: str
    """Day here, as ``2026-03-14``."""
    model: str
    input_tokens: int
    output_tokens: int
    cost: float
    """US dollars."""
    is_estimate: bool
    """True if it was computed from prices."""


@in_sentences
class OtherCosts:
    """Sums by day and model."""

    def __init__(self, db: Database, local_state: LocalState) -> None:
        self.db = db
        self._local_state = local_state

    def add(self, model: str, input_tokens: int, output_tokens: int, cost: float, *, is_estimate: bool) -> None:
        """Add what one request has cost."""
        now = self.db.now().astimezone()
        key = PREFIX + _day(now)
        with self.db.write():
            rows = [row for row in _rows(_day(now), self._local_state.get(key)) if row.model != model]
            same = next((row for row in _rows(_day(now), self._local_state.get(key)) if row.model == model), None)
            before = same or OtherCost(_day(now), model, 0, 0, 0.0, False)
            rows.append(
                before._replace(
                    input_tokens=before.input_tokens + input_tokens,
                    output_tokens=before.output_tokens + output_tokens,
                    cost=before.cost + cost,
                    is_estimate=before.is_estimate or is_estimate,
                )
            )
            self._local_state.set(key, [row[1:] for row in rows])
            oldest = PREFIX + _day(now - timedelta(days=DAYS_KEPT))
            for old in self._local_state.beginning_with(PREFIX):
                if old < oldest:
                    self._local_state.set(old, None)

    def since(self, day: str) -> list[OtherCost]:
        """Return the sums from that day on."""
        found = self._local_state.beginning_with(PREFIX).items()
        return [row for key, value in found if key >= PREFIX + day for row in _rows(key.removeprefix(PREFIX), value)]


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _rows(day: str, value: Any) -> list[OtherCost]:
    return [OtherCost(day, *row) for row in value or ()]
