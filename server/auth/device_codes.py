"""Device codes: sign-in of a terminal that is approved in a browser (RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ..database.pool import Connection
from . import accounts
from .accounts import Account
from .errors import Refusal
from .secrets import hashed, new_secret, new_user_code

LIFETIME = timedelta(minutes=10)
INTERVAL = 5
"""Seconds between two polls of a terminal; a poll that comes too early adds as many."""

TOLERANCE = timedelta(milliseconds=500)
"""Time by which a poll may be early, because latency varies."""

RETENTION = timedelta(hours=1)
"""Time for which an expired code is distinguished from an unknown one."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of one terminal."""

    device: str
    user: str


async def begin(connection: Connection, now: datetime) -> Codes:
    """Return new codes for a terminal."""
    await connection.execute("delete from sterna.device_codes where expires_at < %s", (now - RETENTION,))
    while True:
        codes = Codes(new_secret(), new_user_code())
        made = await connection.execute(
            "insert into sterna.device_codes (hash, user_code, created_at, expires_at, wait)"
            " values (%s, %s, %s, %s, %s) on conflict do nothing",
            (hashed(codes.device), codes.user, now, now + LIFETIME, INTERVAL),
        )
        if made.rowcount:
            return codes


async def is_waiting(connection: Connection, user_code: str, now: datetime) -> bool:
    """Return whether a terminal shows this code and waits for a decision."""
    cursor = await connection.execute(
        "select 1 from sterna.device_codes where user_code = %s and expires_at > %s and user_id is null and not denied",
        (user_code, now),
    )
    return await cursor.fetchone() is not None


async def decide(connection: Connection, user_code: str, user_id: UUID | None, now: datetime) -> bool:
    """Approve the terminal for ``user_id``, or deny it with None; return whether it was still waiting."""
    done = await connection.execute(
        "update sterna.device_codes set user_id = %(user)s, denied = %(user)s::uuid is null"
        " where user_code = %(code)s and expires_at > %(now)s and user_id is null and not denied",
        {"user": user_id, "code": user_code, "now": now},
    )
    return done.rowcount == 1


async def is_known(connection: Connection, device_code: str) -> bool:
    """Return whether this is the code of a terminal, waiting or expired."""
    cursor = await connection.execute("select 1 from sterna.device_codes where hash = %s", (hashed(device_code),))
    return await cursor.fetchone() is not None


async def poll(connection: Connection, device_code: str, now: datetime) -> Account | Refusal:
    """Return the account that approved the terminal, once, or else the refusal to send after a commit."""
    key = {"hash": hashed(device_code)}
    row = await (
        await connection.execute(
            "select expires_at, wait, polled_at, user_id, denied from sterna.device_codes"
            " where hash = %(hash)s for update",
            key,
        )
    ).fetchone()
    if row is None:
        return _refusal("invalid_grant", "This device code is unknown.")
    if row["expires_at"] <= now:
        return _refusal("expired_token", "The code expired before it was approved. Request a new one.")
    if row["denied"] or row["user_id"] is not None:
        await connection.execute("delete from sterna.device_codes where hash = %(hash)s", key)
        account = await accounts.by_id(connection, row["user_id"]) if row["user_id"] else None
        if account is not None and not account.is_banned(now):
            return account
        return _refusal("access_denied", "The sign-in was denied in the browser.")
    early = row["polled_at"] is not None and now - row["polled_at"] < timedelta(seconds=row["wait"]) - TOLERANCE
    await connection.execute(
        "update sterna.device_codes set polled_at = %(now)s, wait = wait + %(more)s where hash = %(hash)s",
        key | {"now": now, "more": INTERVAL if early else 0},
    )
    if early:
        return _refusal("slow_down", "Polled too often. Wait five seconds longer between polls.")
    return _refusal("authorization_pending", "The code has not been approved yet.")


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(code, message, oauth=True)
