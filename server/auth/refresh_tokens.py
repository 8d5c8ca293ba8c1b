"""Refresh tokens, each for one use, in families that belong to one session and end together.

A used token that comes again within GRACE gets another successor: two processes refreshed at once, or a response was
lost. Later it means that the token was stolen, and the whole session ends. GoTrue has the same grace, but returns the
same successor again, which requires storing the token itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from ..database.pool import Connection
from . import accounts
from .accounts import Account
from .secrets import hashed, new_secret

GRACE = timedelta(seconds=10)
RotationError = Literal["unknown", "reused", "banned"]


@dataclass(frozen=True, slots=True)
class Issued:
    """A new refresh token."""

    account: Account
    family: UUID
    secret: str
    signed_in_at: datetime
    """Start of the session, however often it was refreshed since."""


async def issue(connection: Connection, account: Account, now: datetime, seconds: int) -> Issued:
    """Start a session, and return its first token."""
    await _lock(connection, account.id)
    await connection.execute(
        "delete from sterna.refresh_tokens where user_id = %s and expires_at <= %s", (account.id, now)
    )
    return await _add(connection, account, uuid4(), now, seconds)


async def owner(connection: Connection, secret: str) -> UUID | None:
    """Return the account of a token; None for an unknown one."""
    cursor = await connection.execute("select user_id from sterna.refresh_tokens where hash = %s", (hashed(secret),))
    row = await cursor.fetchone()
    return row["user_id"] if row else None


async def rotate(connection: Connection, secret: str, now: datetime, seconds: int) -> Issued | RotationError:
    """Return the successor of a token, or the reason for having none; commit in both cases."""
    key = {"hash": hashed(secret)}
    user_id = await owner(connection, secret)
    if user_id is None:
        return "unknown"
    await _lock(connection, user_id)
    row = await (
        await connection.execute(
            "select user_id, family, expires_at, used_at from sterna.refresh_tokens where hash = %(hash)s", key
        )
    ).fetchone()
    account = await accounts.by_id(connection, user_id)
    if row is None or account is None or row["expires_at"] <= now:
        return "unknown"
    if account.is_banned(now):
        return "banned"
    if row["used_at"] is None:
        await connection.execute(
            "update sterna.refresh_tokens set used_at = %(now)s where hash = %(hash)s", key | {"now": now}
        )
    elif now - row["used_at"] > GRACE:
        await end(connection, account.id, row["family"])
        return "reused"
    return await _add(connection, account, row["family"], now, seconds)


async def end(connection: Connection, user_id: UUID, family: UUID | None = None, *, keep: UUID | None = None) -> None:
    """End one session, or all sessions of an account except ``keep``."""
    await _lock(connection, user_id)
    await connection.execute(
        "delete from sterna.refresh_tokens where user_id = %(user)s"
        " and (%(family)s::uuid is null or family = %(family)s) and (%(keep)s::uuid is null or family <> %(keep)s)",
        {"user": user_id, "family": family, "keep": keep},
    )


async def _lock(connection: Connection, user_id: UUID) -> None:
    # a refresh concurrent with a sign-out could otherwise leave a token that the sign-out did not see
    await connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 5))", (f"sterna:{user_id}",))


async def _add(connection: Connection, account: Account, family: UUID, now: datetime, seconds: int) -> Issued:
    secret = new_secret()
    added = await connection.execute(
        "insert into sterna.refresh_tokens (hash, user_id, family, created_at, expires_at) values (%s, %s, %s, %s, %s)"
        " returning (select min(created_at) from sterna.refresh_tokens where user_id = %s and family = %s)"
        " as signed_in_at",
        (hashed(secret), account.id, family, now, now + timedelta(seconds=seconds), account.id, family),
    )
    row = await added.fetchone()
    return Issued(account, family, secret, (row and row["signed_in_at"]) or now)
