"""Administration of accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.errors import (
    InsufficientPrivilege,
    InvalidSchemaName,
    ReadOnlySqlTransaction,
    UndefinedObject,
    UndefinedTable,
)
from psycopg.rows import dict_row

from ..auth import accounts, recovery, refresh_tokens
from ..auth.accounts import Account
from ..auth.passwords import Passwords
from ..auth.secrets import hashed, new_secret
from ..auth.service import own_names, require_allowed
from ..database.connections import IN_UTC
from ..database.pool import IDENTIFY, Connection
from ..errors import ApiError
from ..identity import SERVER
from ..settings import ServerSettings

T = TypeVar("T")

TIERS = ("free", "pro", "enterprise")
FOREVER = timedelta(days=36500)
"""Duration of a ban, GoTrue's longest."""

PAGE = 500
STATEMENT_TIMEOUT = "10min"


class UsersError(Exception):
    """Failure of an administrative operation; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """An account in a list."""

    id: UUID
    email: str
    tier: str
    is_disabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None


class Users:
    """Accounts of the database at ``url``; each method is one transaction and raises UsersError."""

    def __init__(self, url: str, *, argon2_memory_kib: int = ServerSettings().argon2_memory_kib) -> None:
        self._url = url
        self._memory_kib = argon2_memory_kib

    def add(self, email: str, password: str, tier: str = "free") -> str:
        """Create an account; return its normalized email."""

        async def work(connection: Connection) -> str:
            address = accounts.normalized_email(email)
            account = await accounts.create(connection, address, await self._hash(password, address), {}, _now())
            if account is None:
                raise UsersError(f"{address} already has an account.")
            await accounts.set_tier(connection, account.id, tier)
            return address

        return self._run(work)

    def list_all(self) -> list[AccountSummary]:
        """Return all accounts, ordered by email."""

        async def work(connection: Connection) -> list[AccountSummary]:
            summaries: list[AccountSummary] = []
            while page := await _page(connection, summaries[-1] if summaries else None):
                summaries += page
            return summaries

        return self._run(work)

    def disable(self, email: str) -> str:
        """Disable an account: its tokens become invalid at once, and it cannot sign in."""

        async def work(connection: Connection) -> str:
            account = await _account_of(connection, email)
            await _ban(connection, account.id, _now() + FOREVER)
            await refresh_tokens.end(connection, account.id)
            return account.email

        return self._run(work)

    def enable(self, email: str) -> str:
        """Enable a disabled account; its owner has to sign in again."""

        async def work(connection: Connection) -> str:
            account = await _account_of(connection, email)
            await _ban(connection, account.id, None)
            return account.email

        return self._run(work)

    def set_tier(self, email: str, tier: str) -> str:
        """Set the tier of an account."""

        async def work(connection: Connection) -> str:
            account = await _account_of(connection, email)
            changed = await connection.execute("select public.update_user_tier(%s, %s) as result", (account.id, tier))
            row = await changed.fetchone()
            if row is None or not row["result"]["success"]:
                raise UsersError(f"{account.email} has no profile.")
            return account.email

        return self._run(work)

    def set_password(self, email: str, password: str) -> str:
        """Set the password of an account, and end all its sessions."""

        async def work(connection: Connection) -> str:
            account = await _account_of(connection, email)
            new = await self._hash(password, *own_names(account.email, account.metadata))
            await accounts.change(connection, account, _now(), password=new, data=None)
            await refresh_tokens.end(connection, account.id)
            return account.email

        return self._run(work)

    def invite(self, email: str | None, tier: str, days: int) -> str:
        """Return a new invitation for one account; only its hash is stored."""
        code = new_secret()

        async def work(connection: Connection) -> str:
            address = accounts.normalized_email(email) if email else None
            now = _now()
            await connection.execute("delete from sterna.invitations where expires_at < %s", (now - FOREVER,))
            await connection.execute(
                "insert into sterna.invitations (hash, email, tier, created_at, expires_at)"
                " values (%s, %s, %s, %s, %s)",
                (hashed(code), address, tier, now, now + timedelta(days=days)),
            )
            return code

        return self._run(work)

    def recover(self, email: str, hours: int) -> str:
        """Return a recovery code for an account; an earlier one becomes invalid."""

        async def work(connection: Connection) -> str:
            return await recovery.issue(
                connection, await _account_of(connection, email), _now(), timedelta(hours=hours)
            )

        return self._run(work)

    async def _hash(self, password: str, *own: str) -> str:
        require_allowed(password, *own)
        return await Passwords(self._memory_kib).hash(password)

    def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        return asyncio.run(transaction(self._url, work))


async def transaction(url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run ``work`` as the server in one transaction of the database at ``url``. Raises UsersError."""
    try:
        async with await AsyncConnection.connect(
            url, row_factory=dict_row, application_name="sterna", prepare_threshold=None, connect_timeout=10
        ) as connection:
            await connection.execute(IDENTIFY, (SERVER.role, SERVER.claims_json()))
            limit = f"select {IN_UTC}, set_config('statement_timeout', %s, true)"
            await connection.execute(limit, (STATEMENT_TIMEOUT,))
            return await work(connection)
    except (UndefinedTable, InvalidSchemaName, UndefinedObject):
        raise UsersError(
            "This database does not have Sterna's schema yet. Run `sterna serve --migrate-only` first."
        ) from None
    except ReadOnlySqlTransaction:
        raise UsersError("This database is read-only. Use the address of the primary.") from None
    except InsufficientPrivilege:
        raise UsersError("The role of this database URL may not act as service_role.") from None
    except (OperationalError, InterfaceError) as error:
        # the message of psycopg may contain the URL with its password
        raise UsersError(f"The database cannot be reached ({type(error).__name__}).") from None
    except ApiError as error:
        raise UsersError(f"{error.message.rstrip('.')}.") from None


async def _account_of(connection: Connection, email: str) -> Account:
    address = email.strip().lower()
    account = await accounts.by_email(connection, address) if accounts.is_email(address) else None
    if account is None:
        raise UsersError("No account has this email. `sterna serve user list` lists all accounts.")
    return account


async def _ban(connection: Connection, user_id: UUID, until: datetime | None) -> None:
    await connection.execute("update auth.users set banned_until = %s where id = %s", (until, user_id))


async def _page(connection: Connection, after: AccountSummary | None) -> list[AccountSummary]:
    rows = await (
        await connection.execute(
            "select u.id, coalesce(u.email, '') as email, coalesce(p.subscription_tier, 'free') as tier,"
            " coalesce(u.banned_until > now(), false) as is_disabled, u.created_at, u.last_sign_in_at"
            " from auth.users u left join public.profiles p on p.id = u.id"
            " where %(first)s or (coalesce(u.email, ''), u.id) > (%(email)s, %(id)s)"
            " order by coalesce(u.email, ''), u.id limit %(limit)s",
            {
                "first": after is None,
                "email": after.email if after else "",
                "id": after.id if after else UUID(int=0),
                "limit": PAGE,
            },
        )
    ).fetchall()
    return [AccountSummary(**row) for row in rows]


def _now() -> datetime:
    return datetime.now(UTC)
