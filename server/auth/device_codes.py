"""Terminals that wait for somebody at a browser (RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ..database.pool import Connection
from . import accounts
from .accounts import Account
from .errors import Refusal
from .secrets import hashed, new_secret, new_user_code

LIVES = timedelta(minutes=10)
WAIT = 5
"""Seconds between two questions of a terminal; each that comes too early adds as many."""

EARLY = timedelta(milliseconds=500)
"""By which a question may be early: networks do not keep step."""

KEPT = timedelta(hours=1)
"""So long a code that has ended is still told apart from one that never was."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What a terminal is given."""

    device: str
    user: str


async def begin(connection: Connection, now: datetime) -> Codes:
    """A terminal begins to wait."""
    await connection.execute("delete from sterna.device_codes where expires_at < %s", (now - KEPT,))
    while True:
        codes = Codes(new_secret(), new_user_code())
        made = await connection.execute(
            "insert into sterna.device_codes (hash, user_code, created_at, expires_at, wait)"
            " values (%s, %s, %s, %s, %s) on conflict do nothing",
            (hashed(codes.device), codes.user, now, now + LIVES, WAIT),
        )
        if made.rowcount:
            return codes


async def is_waiting(connection: Connection, user_code: str, now: datetime) -> bool:
    """Whether a terminal shows this code and nobody has decided yet."""
    found = await connection.execute(
        "select 1 from sterna.device_codes where user_code = %s and expires_at > %s and user_id is null and not denied",
        (user_code, now),
    )
    return await found.fetchone() is not None


async def decide(connection: Connection, user_code: str, user_id: UUID | None, now: datetime) -> bool:
    """Sign the terminal in as ``user_id``, or with None deny it; whether it still waited."""
    done = await connection.execute(
        "update sterna.device_codes set user_id = %(user)s, denied = %(user)s::uuid is null"
        " where user_code = %(code)s and expires_at > %(now)s and user_id is null and not denied",
        {"user": user_id, "code": user_code, "now": now},
    )
    return done.rowcount == 1


async def is_known(connection: Connection, device_code: str) -> bool:
    """Whether this is the code of a terminal, waiting or ended."""
    found = await connection.execute("select 1 from sterna.device_codes where hash = %s", (hashed(device_code),))
    return await found.fetchone() is not None


async def ask(connection: Connection, device_code: str, now: datetime) -> Account | Refusal:
    """Who approved the terminal, once; or what to answer it, after which the transaction is to be kept."""
    key = {"hash": hashed(device_code)}
    row = await (
        await connection.execute(
            "select expires_at, wait, polled_at, user_id, denied from sterna.device_codes"
            " where hash = %(hash)s for update",
            key,
        )
    ).fetchone()
    if row is None:
        return _refusal("invalid_grant", "This device code is not known.")
    if row["expires_at"] <= now:
        return _refusal("expired_token", "The code has ended before anybody approved it. Ask for a new one.")
    if row["denied"] or row["user_id"] is not None:
        await connection.execute("delete from sterna.device_codes where hash = %(hash)s", key)
        account = await accounts.by_id(connection, row["user_id"]) if row["user_id"] else None
        if account is not None and not account.is_banned(now):
            return account
        return _refusal("access_denied", "The sign-in was denied in the browser.")
    early = row["polled_at"] is not None and now - row["polled_at"] < timedelta(seconds=row["wait"]) - EARLY
    await connection.execute(
        "update sterna.device_codes set polled_at = %(now)s, wait = wait + %(more)s where hash = %(hash)s",
        key | {"now": now, "more": WAIT if early else 0},
    )
    if early:
        return _refusal("slow_down", "Asked too often; wait five seconds longer between two questions.")
    return _refusal("authorization_pending", "Nobody has approved the code yet.")


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(code, message, oauth=True)
