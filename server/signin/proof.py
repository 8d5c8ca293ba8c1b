"""Proof that a request comes from the owner of an account, and not from whoever found an open terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from fastapi import Request

from ..database import Connection
from ..identity import SERVER, Caller
from ..services import Services
from .refusals import Refusal
from .service import SignIn

FRESH = timedelta(minutes=10)
"""How old a sign-in may be that stands for a password."""

BEGAN = """
select min(created_at) as at
from sterna.refresh_tokens
where user_id = %s and family::text = %s
"""

Outcome = Literal["proved", "wrong", "stale"]


async def outcome(caller: Caller, parts: Services, request: Request, password: str | None) -> Outcome:
    """Return whether the caller has just shown who they are, by password or by a sign-in that is fresh.

    ``wrong`` says that a password was sent that is not theirs, ``stale`` that one is needed. Tries count as sign-ins.
    """
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
