"""Cost of replies, and budgets: a warning when most of one is used, and no request once it is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sterna.storage import Settled, StoreError, StoreThread

from .reply import Ending, Reply

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.config.settings import BudgetSettings
    from sterna.providers import Catalog
    from sterna.storage import Spent

WARNING_SHARE = 0.8
"""Share of a budget from which on there is a warning."""


class Use(NamedTuple):
    """Use of the budget of which the greatest share is used."""

    setting: str
    """``budget.daily`` or ``budget.monthly``."""
    spent: float
    limit: float

    @property
    def share(self) -> float:
        """Share that is used; 1.0 is all of it."""
        return self.spent / self.limit if self.limit else 1.0

    @property
    def sentence(self) -> str:
        """What has been spent."""
        when = "Today's replies" if self.setting == "budget.daily" else "This month's replies"
        spent, limit = (f"${amount:,.{2 if self.limit >= 1 else 4}f}" for amount in (self.spent, self.limit))
        return f"{when} have cost {spent} of the {limit} in {self.setting}."


def priced(settled: Settled, catalog: Catalog) -> Settled:
    """Return the reply with its cost: as the provider stated it, else by the prices of its list or of the settings.

    The cost of a summary that was made for it is a part.
    """
    metadata = dict(settled.metadata)
    if "cost" in metadata:
        metadata["cost_source"] = "provider"
    elif settled.model and (rates := catalog.rates(settled.model)) is not None:
        cached = metadata.get("cached_tokens") or 0
        cost = catalog.price(settled.model, settled.input_tokens, settled.output_tokens, cached)
        metadata |= {"cost": cost, "cost_source": rates.source} if cost else {}
    if summary_cost := metadata.get("summary_cost"):
        metadata["cost"] = metadata.get("cost", 0.0) + summary_cost
        metadata.setdefault("cost_source", "list")
    return settled._replace(metadata=metadata)


async def count_other(store: StoreThread, reply: Reply, catalog: Catalog) -> None:
    """Add what a reply that is no message has cost, such as a title, to the costs of the day."""
    if (cost := so_far(reply, catalog)) > 0 and reply.model:
        from sterna.storage import OtherCosts

        tokens = (reply.input_tokens, reply.output_tokens)
        await store.run(OtherCosts.add, reply.model, *tokens, cost, is_estimate="cost" not in reply.details)


def so_far(reply: Reply, catalog: Catalog) -> float:
    """Return what the requests of a reply have cost so far, as far as prices are known."""
    cost = reply.details.get("cost")
    if not isinstance(cost, (int, float)) and reply.model:
        cached = reply.details.get("cached_tokens") or 0
        cost = catalog.price(reply.model, reply.input_tokens, reply.output_tokens, cached)
    return float(cost or 0.0)


def budget_use(budget: BudgetSettings, spent: Spent) -> Use | None:
    """Return the use of the budget of which most is used; None without a budget."""
    uses = [
        Use(setting, amount, limit)
        for setting, amount, limit in (
            ("budget.daily", spent.today, budget.daily),
            ("budget.monthly", spent.this_month, budget.monthly),
        )
        if limit is not None
    ]
    return max(uses, key=lambda use: use.share, default=None)


async def used(store: StoreThread, settings: Settings, also: float = 0.0) -> Use | None:
    """Return the use of the budget of which most is used, with ``also`` spent; None without a budget.

    Raises StoreError.
    """
    if settings.budget.daily is None and settings.budget.monthly is None:
        return None
    from sterna.storage import Costs

    spent = await store.run(Costs.spent)
    more = spent._replace(today=spent.today + also, this_month=spent.this_month + also)
    return budget_use(settings.budget, more)


async def refusal(
    store: StoreThread, catalog: Catalog, settings: Settings, ref: str, also: float = 0.0
) -> Ending | None:
    """Return the end of a reply for which nothing may be sent; None if the request may be sent. Raises StoreError.

    ``also``: what its earlier requests have cost.
    """
    if not settings.budget.stop or catalog.is_free(ref):
        return None
    use = await used(store, settings, also)
    if use is None or use.share < 1:
        return None
    what = "The results of the tools were not sent; they are" if also else "Nothing was sent; your message is"
    advice = (
        f"{what} stored. Raise {use.setting}, set budget.stop to false, or choose a model that costs nothing, then "
        f"{'continue the reply' if also else 'retry'}."
    )
    return Ending("failed", f"{use.sentence} {advice}", metadata={"kind": "budget"})


async def warning(store: StoreThread, settings: Settings) -> str:
    """Return a sentence where most of a budget is used, else an empty text."""
    try:
        use = await used(store, settings)
    except StoreError:
        return ""
    return use.sentence if use is not None and use.share >= WARNING_SHARE else ""
