"""Recovery of a forgotten password: one code an account, good for one use.

Whoever runs the server makes a code with ``sterna serve user recover`` and hands it over; where the server may send
mail, ``POST /auth/v1/recover`` mails one.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..clock import Clock
from ..database.pool import Connection, Database
from ..errors import ApiError
from ..identity import SERVER
from . import accounts, refresh_tokens
from .accounts import Account
from .errors import Refusal
from .mail import Mailer
from .passwords import Passwords
from .secrets import hashed, new_secret
from .service import own_names, require_allowed

log = logging.getLogger("sterna.server")


MAILED_LIVES = timedelta(hours=1)

MAIL = """\
Somebody asked to set a new password for your account. If it was you, open this
link within an hour:

{link}

If it was not, ignore this mail: your password stays as it is.
"""


async def issue(connection: Connection, account: Account, now: datetime, lives: timedelta) -> str:
    """Return a new code for the account. An earlier one stops to work."""
    code = new_secret()
    await connection.execute(
        "insert into sterna.recovery_codes (hash, user_id, created_at, expires_at) values (%s, %s, %s, %s)"
        " on conflict (user_id) do update set hash = excluded.hash, created_at = excluded.created_at,"
        " expires_at = excluded.expires_at",
        (hashed(code), account.id, now, now + lives),
    )
    return code


async def owner_of(connection: Connection, code: str, now: datetime) -> Account | None:
    """Return whose code this is; None for one that is not good."""
    found = await connection.execute(
        "select user_id from sterna.recovery_codes where hash = %s and expires_at > %s for update",
        (hashed(code.strip()), now),
    )
    row = await found.fetchone()
    account = await accounts.by_id(connection, row["user_id"]) if row else None
    return None if account is None or account.is_banned(now) else account


async def _use(connection: Connection, code: str, now: datetime, email: str | None = None) -> Account:
    account = await owner_of(connection, code, now)
    if account is None or (email is not None and email.strip().lower() != account.email.lower()):
        raise Refusal("otp_expired", "This recovery code is not valid, was used already, or has expired.")
    await connection.execute("delete from sterna.recovery_codes where user_id = %s", (account.id,))
    return account


class Recovery:
    """What endpoints ask for; each method raises Refusal."""

    def __init__(self, public_url: str, database: Database, passwords: Passwords, mailer: Mailer, clock: Clock) -> None:
        self._public_url, self._database, self._clock = public_url, database, clock
        self._passwords, self._mailer = passwords, mailer

    async def is_good(self, code: str) -> bool:
        """Return whether a code can still be used."""

        async def work(connection: Connection) -> bool:
            return await owner_of(connection, code, self._clock()) is not None

        return await self._database.write(SERVER, work)

    async def account(self, code: str, email: str | None = None) -> Account:
        """Use up a code; return whose it was."""

        async def work(connection: Connection) -> Account:
            return await _use(connection, code, self._clock(), email)

        return await self._database.write(SERVER, work)

    async def set_password(self, code: str, password: str) -> None:
        """Use up a code for a new password, which ends every sign-in of the account."""
        require_allowed(password)
        new = await self._passwords.hash(password)

        async def work(connection: Connection) -> Account:
            now = self._clock()
            account = await _use(connection, code, now)
            require_allowed(password, *own_names(account.email, account.metadata))
            await accounts.change(connection, account, now, password=new, data=None)
            await refresh_tokens.end(connection, account.id)
            return account

        account = await self._database.write(SERVER, work)
        log.info("account %s has a new password by a recovery code", account.id)

    async def mail(self, email: str) -> None:
        """Mail a code to an account, where there is one. Raises what sending does."""

        async def work(connection: Connection) -> str | None:
            account, now = await accounts.by_email(connection, email), self._clock()
            if account is None or account.password is None or account.is_banned(now):
                return None
            return await issue(connection, account, now, MAILED_LIVES)

        try:
            code = await self._database.write(SERVER, work)
        except ApiError as error:
            log.warning("a recovery code was not made: %s", error.code)
            return
        if code is not None:
            link = f"{self._public_url}/recover?code={code}"
            await self._mailer.send(email, "Set a new password", MAIL.format(link=link))
