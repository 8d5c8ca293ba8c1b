"""Proof that a request comes from the owner of an account, and not from whoever found an open terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fastapi import Request

from ..database.pool import Connection
from ..identity import SERVER, Caller
from ..services import Services
from .errors import Refusal
from .service import SignIn

FRESH = timedelta(minutes=10)
"""How old a sign-in may be that stands for a password."""

LATEST = 2**36
"""Seconds since 1970 that a datetime can hold."""

BEGAN = """
select min(created_at) as at
from sterna.refresh_tokens
where user_id = %s and family::text = %s
"""

Outcome = Literal["proved", "wrong", "stale"]


async def outcome(caller: Caller, parts: Services, request: Request, password: str | None) -> Outcome:
    """Return whether the caller has just shown who they are, by password or by a sign-in that is fresh.

    ``wrong`` says that a password was sent that is not theirs, ``stale`` that one is needed. Tries count as sign-ins.
    Of somebody whose sign-in is elsewhere only the token tells.
    """
    if caller.is_external:
        at = signed_in(caller.identity.claims)
        return "stale" if at is None or not -FRESH <= parts.clock() - at <= FRESH else "proved"
    if password:
        await parts.limits.spend(request, Caller(), "sign-in")
        await parts.limits.spend_name(request, caller.identity.email)
        try:
            account = await SignIn(parts).account(caller.identity.email, password)
        except Refusal:
            return "wrong"
        if account.id == caller.identity.user_id:
            return "proved"
    session = str(caller.identity.claims.get("session_id"))

    async def began(db: Connection) -> Any:
        row = await (await db.execute(BEGAN, (caller.user_id, session))).fetchone()
        return row["at"] if row else None

    at = await parts.database.read(SERVER, began)
    return "stale" if at is None or parts.clock() - at > FRESH else "proved"


def signed_in(claims: Mapping[str, Any]) -> datetime | None:
    """Return when a token's sign-in began, as OpenID Connect (``auth_time``) or GoTrue (``amr``) says it.

    A refreshed token keeps it; ``iat`` moves with each refresh and says nothing of whoever sits there.
    """
    methods = claims.get("amr")
    told = [claims.get("auth_time")]
    told += [one.get("timestamp") for one in methods if isinstance(one, Mapping)] if isinstance(methods, list) else []
    times = [one for one in told if isinstance(one, int | float) and not isinstance(one, bool) and 0 < one < LATEST]
    return datetime.fromtimestamp(max(times), UTC) if times else None
