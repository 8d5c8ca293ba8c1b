"""Administration of model access: models and limits by tier."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import sql

from ..database.pool import Connection
from ..relay.quota import MAX_NAME
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
"""Columns that can be set for a model in a tier."""
LARGEST_COST = Decimal(100)

SELECT = """
select model_id, tier, is_active, daily_limit, monthly_limit, model_name, model_description, model_tags,
    input_cost_per_token, output_cost_per_token
from public.model_access
order by model_id, sterna.tier_rank(tier)
"""


class ModelAdmin:
    """Model access in the database at ``url``; each method is one transaction and raises UsersError."""

    def __init__(self, url: str) -> None:
        self._url = url

    def list_all(self) -> Sequence[Mapping[str, Any]]:
        """Return the models of all tiers."""

        async def work(connection: Connection) -> Sequence[Mapping[str, Any]]:
            return await (await connection.execute(SELECT)).fetchall()

        return self._run(work)

    def set(self, model: str, tier: str, values: Mapping[str, Any]) -> bool:
        """Set ``values`` by column name; return whether the model was new in the tier."""
        if not 0 < len(model) <= MAX_NAME or not model.isprintable():
            raise UsersError(f"A model name must have 1 to {MAX_NAME} printable characters.")
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
        """Remove a model from a tier, or from all tiers; return the number of tiers."""

        async def work(connection: Connection) -> int:
            result = await connection.execute(
                "delete from public.model_access where model_id = %(model)s"
                " and (%(tier)s::text is null or tier = %(tier)s)",
                {"model": model, "tier": tier},
            )
            if not result.rowcount:
                raise UsersError("No tier has this model. `sterna serve model list` lists them.")
            return result.rowcount

        return self._run(work)

    def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        return asyncio.run(transaction(self._url, work))
