"""Recovery of a forgotten password: one code an account, good for one use.

The server administrator creates a code with ``sterna serve user recover``; a server that can send mail also mails one
at ``POST /auth/v1/recover``.
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


MAILED_LIFETIME = timedelta(hours=1)

MAIL = """\
A new password was requested for your account. If you requested it, open this
link within an hour:

{link}

If you did not, ignore this mail. Your password stays as it is.
"""


async def issue(connection: Connection, account: Account, now: datetime, lifetime: timedelta) -> str:
    """Return a new code for the account; an earlier one becomes invalid."""
    code = new_secret()
    await connection.execute(
        "insert into sterna.recovery_codes (hash, user_id, created_at, expires_at) values (%s, %s, %s, %s)"
        " on conflict (user_id) do update set hash = excluded.hash, created_at = excluded.created_at,"
        " expires_at = excluded.expires_at",
        (hashed(code), account.id, now, now + lifetime),
    )
    return code


async def owner_of(connection: Connection, code: str, now: datetime) -> Account | None:
    """Return the account of a code; None for an invalid one."""
    cursor = await connection.execute(
        "select user_id from sterna.recovery_codes where hash = %s and expires_at > %s for update",
        (hashed(code.strip()), now),
    )
    row = await cursor.fetchone()
    account = await accounts.by_id(connection, row["user_id"]) if row else None
    return None if account is None or account.is_banned(now) else account


async def _use(connection: Connection, code: str, now: datetime, email: str | None = None) -> Account:
    account = await owner_of(connection, code, now)
    if account is None or (email is not None and email.strip().lower() != account.email.lower()):
        raise Refusal("otp_expired", "This recovery code is invalid, used or expired.")
    await connection.execute("delete from sterna.recovery_codes where user_id = %s", (account.id,))
    return account


class Recovery:
    """Recovery of passwords; each method raises Refusal for an invalid code."""

    def __init__(self, public_url: str, database: Database, passwords: Passwords, mailer: Mailer, clock: Clock) -> None:
        self._public_url, self._database, self._clock = public_url, database, clock
        self._passwords, self._mailer = passwords, mailer

    async def is_valid(self, code: str) -> bool:
        """Return whether a code can be used."""

        async def work(connection: Connection) -> bool:
            return await owner_of(connection, code, self._clock()) is not None

        return await self._database.write(SERVER, work)

    async def use_code(self, code: str, email: str | None = None) -> Account:
        """Use up a code, and return its account."""

        async def work(connection: Connection) -> Account:
            return await _use(connection, code, self._clock(), email)

        return await self._database.write(SERVER, work)

    async def set_password(self, code: str, password: str) -> None:
        """Use up a code to set a new password, which ends all sessions of the account."""
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
        log.info("account %s: new password set with a recovery code", account.id)

    async def mail_code(self, email: str) -> None:
        """Mail a code to an account, if there is one. Raises OSError and smtplib.SMTPException."""

        async def work(connection: Connection) -> str | None:
            account, now = await accounts.by_email(connection, email), self._clock()
            if account is None or account.password is None or account.is_banned(now):
                return None
            return await issue(connection, account, now, MAILED_LIFETIME)

        try:
            code = await self._database.write(SERVER, work)
        except ApiError as error:
            log.warning("a recovery code was not created: %s", error.code)
            return
        if code is not None:
            link = f"{self._public_url}/recover?code={code}"
            await self._mailer.send(email, "Set a new password", MAIL.format(link=link))
