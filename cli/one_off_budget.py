"""Budgets of ``sterna ask --no-store``: what it costs is counted, though nothing that was said is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sterna.chat.costs import budget_use, so_far
from sterna.storage import StoreError

if TYPE_CHECKING:
    from sterna.chat import Reply
    from sterna.config import Settings
    from sterna.providers import Catalog

    from .context import CommandContext


class OneOffBudget:
    """Looks into the history only if there is a budget to keep or a cost to count."""

    def __init__(self, context: CommandContext, settings: Settings, catalog: Catalog) -> None:
        self._context = context
        self._budget = settings.budget
        self._catalog = catalog

    def require(self, refs: Sequence[str]) -> None:
        """Raise ClickException if nothing more may be spent on these models."""
        has_limit = self._budget.daily is not None or self._budget.monthly is not None
        if not self._budget.stop or not has_limit or all(map(self._catalog.is_free, refs)):
            return
        with self._context.store() as store:
            use = budget_use(self._budget, store.costs.spent())
        if use is not None and use.share >= 1:
            advice = f"Raise {use.setting}, set budget.stop to false, or choose a model that costs nothing."
            raise click.ClickException(f"{use.sentence} Nothing was sent. {advice}")

    def count(self, replies: Sequence[Reply]) -> None:
        """Add what replies have cost to the costs of the day."""
        costly = [(reply, cost) for reply in replies if (cost := so_far(reply, self._catalog)) > 0]
        if not costly:
            return
        try:
            with self._context.store() as store:
                for reply, cost in costly:
                    tokens = (reply.input_tokens, reply.output_tokens)
                    is_estimate = "cost" not in reply.details
                    store.other_costs.add(reply.model or "", *tokens, cost, is_estimate=is_estimate)
        except StoreError as error:
            click.echo(f"sterna: The cost of this reply is not counted. {error}", err=True)
