"""``sterna models --costs``: what replies have cost, by day and model."""

from __future__ import annotations

from dataclasses import asdict

import click

from sterna.chat.costs import budget_use
from sterna.storage import one_line

from .context import CommandContext
from .output import counted, print_json


def print_costs(context: CommandContext, days: int, *, as_json: bool) -> None:
    """Print the use of each model on each of the last ``days`` days, and what today and this month have cost."""
    with context.store() as store:
        rows, spent = store.costs.by_day(days), store.costs.spent()
    if as_json:
        for row in rows:
            print_json(asdict(row))
        return
    for row in rows:
        tokens = counted(row.input_tokens + row.output_tokens, "token")
        cost = f"  {'~' if row.is_estimate else ''}{dollars(row.cost)}" if row.cost else ""
        program = f"  (imported from {one_line(row.program, 40)})" if row.program else ""
        model = one_line(row.model, 80) or "unknown model"
        click.echo(f"{row.day}  {model}  {counted(row.replies, 'reply', 'replies')}, {tokens}{cost}{program}")
    if not rows:
        click.echo(f"No replies in the last {counted(days, 'day')}.")
    click.echo(f"Today: {dollars(spent.today)}, this month: {dollars(spent.this_month)}, without imported replies.")
    if (use := budget_use(context.settings().budget, spent)) is not None:
        click.echo(f"{use.sentence} That is {use.share:.0%}.")


def dollars(amount: float) -> str:
    """Return an amount with as many digits as say something."""
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${amount:.4f}"
