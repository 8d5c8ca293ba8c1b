"""Whether somebody may ask a model now: tiers and limits of model_access, and what their profile sets.

The server's default model is everybody's as long as model_access does not name it, so that a server with a model of
its own needs no rows. Whoever wants it limited names it there; a row that is not active takes it away.

The relay counts the replies it begins in a table of its own, for limits alone. Use as people see it is counted when
the client syncs the messages, so nothing is counted twice; for a limit the larger of the two counts of a day is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ..database.pool import Connection
from ..errors import ApiError, instant
from ..identity import SERVER, Caller
from ..services import Services

PROFILE = """
    select
        p.system_prompt,
        p.temperature,
        can_user_use_model(%(user)s, %(model)s) as is_allowed,
        exists (select from model_access where model_id = %(model)s and is_active) as is_known,
        not exists (select from model_access where model_id = %(default)s) as is_default_free
    from (select) as one
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
GIVE_BACK = """
    update sterna.relay_usage
    set replies = greatest(replies - 1, 0)
    where user_id = %(user)s and usage_date = %(day)s and model_id = %(model)s
"""

LONGEST_NAME = 100
"""Characters of a model's name, as in the columns."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Permission for one reply, already counted."""

    user: UUID | None
    model: str
    day: date
    system_prompt: str | None = None
    temperature: float | None = None


async def look(parts: Services, caller: Caller, model: str) -> Leave:
    """What the caller's profile sets, if they may ask ``model``; raises ApiError 402 or 403."""
    user, default = caller.identity.user_id, parts.settings.upstream.default_model

    async def work(db: Connection) -> Leave:
        told = {"user": user, "model": model[: LONGEST_NAME + 1], "default": default}
        row: Any = await (await db.execute(PROFILE, told)).fetchone()
        is_free = row["is_default_free"] and model == default
        if not (row["is_allowed"] or is_free) or len(model) > LONGEST_NAME:
            names = [str(one["model_id"]) for one in await (await db.execute(ALLOWED, (user,))).fetchall()]
            if row["is_default_free"]:
                names.append(default)
            raise _refused(model, names, is_known=row["is_known"])
        temperature = None if row["temperature"] is None else float(row["temperature"])
        return Leave(user, model, parts.clock().astimezone(UTC).date(), row["system_prompt"] or None, temperature)

    return await parts.database.read(SERVER, work)


def _refused(model: str, names: list[str], *, is_known: bool) -> ApiError:
    allowed = f"Allowed are: {', '.join(names)}." if names else "No model is allowed for it yet."
    code = "tier_upgrade_required" if is_known else "feature_not_available"
    return ApiError(code, f"Your tier may not use the model {model[:LONGEST_NAME]}. {allowed}")


async def count(parts: Services, caller: Caller, leave: Leave) -> None:
    """Count a reply that is about to begin; raises ApiError 429 at a limit, and then nothing is counted."""
    if leave.user is None:
        return

    async def work(db: Connection) -> None:
        told = {"user": leave.user, "model": leave.model, "day": leave.day, "first": leave.day.replace(day=1)}
        limits = await (await db.execute(LIMITS, told | {"tier": caller.tier})).fetchone()
        await db.execute(COUNT, told)  # first: requests at the same moment wait here for each other
        if limits is None or (limits["daily_limit"] is None and limits["monthly_limit"] is None):
            return
        used: Any = await (await db.execute(USED, told)).fetchone()
        tomorrow = leave.day + timedelta(days=1)
        next_month = (leave.day.replace(day=28) + timedelta(days=4)).replace(day=1)
        for name, amount, spent, resets in (
            ("month", limits["monthly_limit"], used["month"], next_month),
            ("day", limits["daily_limit"], used["today"], tomorrow),
        ):
            if amount is not None and spent > amount:
                raise _spent(parts, leave.model, name, amount, resets)

    await parts.database.write(SERVER, work)


def _spent(parts: Services, model: str, name: str, amount: int, resets: date) -> ApiError:
    at = datetime(resets.year, resets.month, resets.day, tzinfo=UTC)
    return ApiError(
        "rate_limit_exceeded",
        f"The {amount} replies a {name} of {model} are used up. They begin anew at {instant(at)}.",
        retry_after=max(1, int((at - parts.clock()).total_seconds()) + 1),
    )


async def give_back(parts: Services, leave: Leave) -> None:
    """Take the count back: the model gave nothing."""
    if leave.user is None:
        return
    told = {"user": leave.user, "model": leave.model, "day": leave.day}

    async def work(db: Connection) -> None:
        await db.execute(GIVE_BACK, told)

    await parts.database.write(SERVER, work)
