"""Proof that a request comes from the owner of an account, and not from somebody who found an unlocked terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ..clock import Clock
from ..database.pool import Connection, Database
from ..identity import SERVER, Caller
from .errors import Refusal
from .service import SignIn

FRESH = timedelta(minutes=10)
"""Age up to which a sign-in replaces a password."""

LATEST = 2**36
"""Seconds since 1970 that a datetime can hold."""

SIGNED_IN_AT = """
select min(created_at) as signed_in_at
from sterna.refresh_tokens
where user_id = %s and family::text = %s
"""

Outcome = Literal["proved", "wrong", "stale"]


class Reauthentication:
    """Check of the caller before an operation that cannot be undone."""

    def __init__(self, database: Database, sign_in: SignIn, clock: Clock) -> None:
        self._database, self._sign_in, self._clock = database, sign_in, clock

    async def check(
        self, caller: Caller, password: str | None, count_attempt: Callable[[], Awaitable[None]]
    ) -> Outcome:
        """Return ``proved`` for a caller with the right password or a fresh sign-in.

        ``wrong`` means that the password is not theirs, ``stale`` that a password is needed. ``count_attempt`` is
        awaited before a password is compared. For callers who sign in elsewhere only the token counts.
        """
        now = self._clock()
        if caller.is_external:
            signed_in_at = authenticated_at(caller.identity.claims)
            return "stale" if signed_in_at is None or not -FRESH <= now - signed_in_at <= FRESH else "proved"
        if password:
            await count_attempt()
            try:
                account = await self._sign_in.authenticate(caller.identity.email, password)
            except Refusal:
                return "wrong"
            if account.id == caller.identity.user_id:
                return "proved"
        session = str(caller.identity.claims.get("session_id"))

        async def query(db: Connection) -> datetime | None:
            row = await (await db.execute(SIGNED_IN_AT, (caller.user_id, session))).fetchone()
            return row["signed_in_at"] if row else None

        signed_in_at = await self._database.read(SERVER, query)
        return "stale" if signed_in_at is None or self._clock() - signed_in_at > FRESH else "proved"


def authenticated_at(claims: Mapping[str, Any]) -> datetime | None:
    """Return when a token's sign-in began, from OpenID Connect's ``auth_time`` or GoTrue's ``amr``.

    A refreshed token keeps it; ``iat`` moves with each refresh and does not prove that the owner is present.
    """
    methods = claims.get("amr")
    values = [claims.get("auth_time")]
    if isinstance(methods, list):
        values += [method.get("timestamp") for method in methods if isinstance(method, Mapping)]
    times = [
        value
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LATEST
    ]
    return datetime.fromtimestamp(max(times), UTC) if times else None
