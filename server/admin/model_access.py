"""Administration of model access: which tier may ask which model, with which limits. Raises UsersError."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import sql

from ..database.pool import Connection
from ..relay.quota import LONGEST_NAME
from .users import UsersError, transaction

T = TypeVar("T")

COLUMNS = (
    "is_active",
    "daily_limit",
    "monthly_limit",
    "model_name",
    "model_description",
    "model_tags",
    "input_cost_per_token",
    "output_cost_per_token",
)
"""What can be set of a model in a tier."""
LARGEST_COST = Decimal(100)

LISTED = """
select model_id, tier, is_active, daily_limit, monthly_limit, model_name, model_description, model_tags,
    input_cost_per_token, output_cost_per_token
from public.model_access
order by model_id, sterna.tier_rank(tier)
"""


class ModelAdmin:
    """The models of the database at ``url``; each method is one transaction."""

    def __init__(self, url: str) -> None:
        self._url = url

    def listed(self) -> Sequence[Mapping[str, Any]]:
        """Return each model in each tier."""

        async def work(connection: Connection) -> Sequence[Mapping[str, Any]]:
            return await (await connection.execute(LISTED)).fetchall()

        return self._run(work)

    def set(self, model: str, tier: str, values: Mapping[str, Any]) -> bool:
        """Write ``values`` by column name and keep the others; return whether the tier had no row of the model."""
        if not 0 < len(model) <= LONGEST_NAME or not model.isprintable():
            raise UsersError(f"A model's name has 1 to {LONGEST_NAME} printable characters.")
        names = [name for name in COLUMNS if name in values]
        columns = sql.SQL(", ").join(map(sql.Identifier, ("model_id", "tier", *names)))
        marks = sql.SQL(", ").join([sql.Placeholder()] * (2 + len(names)))
        changes = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names]
        statement = sql.SQL(
            "insert into public.model_access as m ({}) values ({}) on conflict (model_id, tier) do update set {}"
            " returning xmax = 0 as is_new"
        ).format(columns, marks, sql.SQL(", ").join([*changes, sql.SQL("updated_at = now()")]))

        async def work(connection: Connection) -> bool:
            row = await (
                await connection.execute(statement, (model, tier, *(values[name] for name in names)))
            ).fetchone()
            return bool(row and row["is_new"])

        return self._run(work)

    def remove(self, model: str, tier: str | None) -> int:
        """Remove a model from a tier, or from all; return from how many."""

        async def work(connection: Connection) -> int:
            done = await connection.execute(
                "delete from public.model_access where model_id = %(model)s"
                " and (%(tier)s::text is null or tier = %(tier)s)",
                {"model": model, "tier": tier},
            )
            if not done.rowcount:
                raise UsersError("No tier has this model. `sterna serve model list` shows them.")
            return done.rowcount

        return self._run(work)

    def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        return asyncio.run(transaction(self._url, work))
