"""Number types of options, bounded so that SQLite and PostgreSQL can store them."""

from __future__ import annotations

import math
from typing import Any

import click

LIMIT = click.IntRange(1, 1_000_000_000)
"""Number of rows to print."""

ROW_ID = click.IntRange(0, 2**63 - 1)
"""Row id of SQLite."""


class FiniteRange(click.FloatRange):
    """Range that rejects ``nan``, which is neither below nor above any bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fail with a sentence if it is invalid or out of range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number
