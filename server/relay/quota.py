"""Access to models and reply quotas: tiers and limits of ``model_access``, and settings of the caller's profile.

The server's default model is open to every tier as long as ``model_access`` does not name it, so that a server with a
model of its own needs no rows there. A row limits it, and a row that is not active withdraws it.

The relay counts the replies it begins in a table of its own, used for limits only. Usage that users see is counted
when the client syncs the messages, so nothing is counted twice; a limit compares with the larger count of each day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ..clock import Clock
from ..database.pool import Connection, Database
from ..errors import ApiError, instant
from ..identity import SERVER, Caller

PROFILE = """
    select
        p.system_prompt,
        p.temperature,
        can_user_use_model(%(user)s, %(model)s) as is_allowed,
        exists (select from model_access where model_id = %(model)s and is_active) as is_known,
        not exists (select from model_access where model_id = %(default)s) as is_default_free
    from (select) as single_row
    left join profiles as p on p.id = %(user)s
"""
ALLOWED = "select distinct model_id from get_user_allowed_models(%s) order by model_id"
LIMITS = """
    select daily_limit, monthly_limit
    from model_access
    where model_id = %(model)s and is_active
        and sterna.tier_rank(tier) <= sterna.tier_rank(%(tier)s)
    order by sterna.tier_rank(tier) desc
    limit 1
"""
COUNT = """
    insert into sterna.relay_usage as r (user_id, usage_date, model_id, replies)
    values (%(user)s, %(day)s, %(model)s, 1)
    on conflict (user_id, usage_date, model_id) do update set replies = r.replies + 1
"""
USED = """
    select
        coalesce(sum(replies) filter (where usage_date = %(day)s), 0) as today,
        coalesce(sum(replies), 0) as month
    from (
        select usage_date, max(replies) as replies
        from (
            select usage_date, replies
            from sterna.relay_usage
            where user_id = %(user)s and model_id = %(model)s and usage_date between %(first)s and %(day)s
            union all
            select usage_date, coalesce((models_used ->> %(model)s)::integer, 0) + (usage_date = %(day)s)::integer
            from user_usage_daily
            where user_id = %(user)s and usage_date between %(first)s and %(day)s
        ) as counted
        group by usage_date
    ) as days
"""
REFUND = """
    update sterna.relay_usage
    set replies = greatest(replies - 1, 0)
    where user_id = %(user)s and usage_date = %(day)s and model_id = %(model)s
"""

MAX_NAME = 100
"""Characters of a model's name, as in the columns."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Permission for one reply, and the profile's settings for it."""

    user: UUID | None
    model: str
    day: date
    system_prompt: str | None = None
    temperature: float | None = None


class Quota:
    """Model access of callers, and counts of their replies."""

    def __init__(self, database: Database, default_model: str, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._default = default_model

    async def check(self, caller: Caller, model: str) -> Permission:
        """Return the permission to use ``model``; "" is the default model. Raises ApiError 402 or 403."""
        user, model = caller.identity.user_id, model or self._default

        async def query(db: Connection) -> Permission:
            values = {"user": user, "model": model[: MAX_NAME + 1], "default": self._default}
            row: Any = await (await db.execute(PROFILE, values)).fetchone()
            is_free = row["is_default_free"] and model == self._default
            if not (row["is_allowed"] or is_free) or len(model) > MAX_NAME:
                names = [str(allowed["model_id"]) for allowed in await (await db.execute(ALLOWED, (user,))).fetchall()]
                if row["is_default_free"]:
                    names.append(self._default)
                raise _forbidden(model, names, is_known=row["is_known"])
            temperature = None if row["temperature"] is None else float(row["temperature"])
            today = self._clock().astimezone(UTC).date()
            return Permission(user, model, today, row["system_prompt"] or None, temperature)

        return await self._database.read(SERVER, query)

    async def count(self, caller: Caller, permission: Permission) -> None:
        """Count a reply that is about to begin. At a limit raises ApiError 429 and counts nothing."""
        if permission.user is None:
            return
        day = permission.day

        async def work(db: Connection) -> None:
            values = {"user": permission.user, "model": permission.model, "day": day, "first": day.replace(day=1)}
            limits = await (await db.execute(LIMITS, values | {"tier": caller.tier})).fetchone()
            await db.execute(COUNT, values)  # before reading: concurrent requests wait here for each other
            if limits is None or (limits["daily_limit"] is None and limits["monthly_limit"] is None):
                return
            used: Any = await (await db.execute(USED, values)).fetchone()
            next_month = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
            for period, limit, count, resets in (
                ("month", limits["monthly_limit"], used["month"], next_month),
                ("day", limits["daily_limit"], used["today"], day + timedelta(days=1)),
            ):
                if limit is not None and count > limit:
                    raise self._exhausted(permission.model, period, limit, resets)

        await self._database.write(SERVER, work)

    async def refund(self, permission: Permission) -> None:
        """Take back the count of a reply that the model did not begin."""
        if permission.user is None:
            return
        values = {"user": permission.user, "model": permission.model, "day": permission.day}

        async def work(db: Connection) -> None:
            await db.execute(REFUND, values)

        await self._database.write(SERVER, work)

    def _exhausted(self, model: str, period: str, limit: int, resets: date) -> ApiError:
        at = datetime(resets.year, resets.month, resets.day, tzinfo=UTC)
        return ApiError(
            "rate_limit_exceeded",
            f"Your limit of {limit} replies a {period} from {model} is reached. It resets at {instant(at)}.",
            retry_after=max(1, int((at - self._clock()).total_seconds()) + 1),
        )


def _forbidden(model: str, names: list[str], *, is_known: bool) -> ApiError:
    allowed = f"Allowed models: {', '.join(names)}." if names else "It may not use any model yet."
    code = "tier_upgrade_required" if is_known else "feature_not_available"
    return ApiError(code, f"Your tier may not use the model {model[:MAX_NAME]}. {allowed}")
