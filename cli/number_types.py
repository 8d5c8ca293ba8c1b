"""Numbers on the command line, bounded so that SQLite and PostgreSQL can hold them."""

from __future__ import annotations

import math
from typing import Any

import click

LIMIT = click.IntRange(1, 1_000_000_000)
"""How many rows to print."""

ROW_ID = click.IntRange(0, 2**63 - 1)
"""A number that SQLite gave to a row."""


class FiniteRange(click.FloatRange):
    """A range that refuses ``nan``, which is neither below nor above any bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fail with a sentence where it is none or out of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number
