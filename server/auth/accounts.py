"""Rows of auth.users: made, found and told to their owners. Used by the endpoints and by ``sterna serve user``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import DataError
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from ..database.pool import Connection
from ..errors import instant
from .errors import Refusal
from .secrets import hashed

PART = '[^@\\s\x00-\x1f\x7f<>"\ud800-\udfff]+'
EMAIL = re.compile(f"{PART}@{PART}")
LONGEST_EMAIL = 255
LONGEST_DATA = 16 * 1024

FOUND = """
select id, email, encrypted_password, raw_user_meta_data, last_sign_in_at, created_at, updated_at,
       -- Python's calendar ends with the year 9999
       case when banned_until = 'infinity' then '9999-12-30Z' else banned_until end as banned_until
  from auth.users
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in."""

    id: UUID
    email: str
    created_at: datetime | None
    updated_at: datetime | None
    last_sign_in_at: datetime | None = None
    banned_until: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    """Its hash."""

    def is_banned(self, now: datetime) -> bool:
        """Whether an administrator has shut this account."""
        return self.banned_until is not None and self.banned_until > now


class IdentityBody(BaseModel):
    """The way in which an account signs in. Clients take an account without any for one that was there before."""

    identity_id: str
    id: str
    user_id: str
    identity_data: dict[str, Any]
    provider: str = "email"
    email: str
    created_at: str
    updated_at: str
    last_sign_in_at: str | None

    @classmethod
    def of(cls, account: Account, created: str, updated: str, seen: str | None) -> IdentityBody:
        """Return the only identity of an account."""
        user_id = str(account.id)
        data = {"sub": user_id, "email": account.email, "email_verified": False, "phone_verified": False}
        return cls(
            identity_id=user_id,
            id=user_id,
            user_id=user_id,
            identity_data=data,
            email=account.email,
            created_at=created,
            updated_at=updated,
            last_sign_in_at=seen,
        )


class UserBody(BaseModel):
    """An account as GoTrue's clients know it."""

    id: str
    aud: str = "authenticated"
    role: str = "authenticated"
    email: str
    phone: str = ""
    app_metadata: dict[str, Any] = {"provider": "email", "providers": ["email"]}
    user_metadata: dict[str, Any]
    identities: list[IdentityBody]
    confirmed_at: str
    email_confirmed_at: str
    created_at: str
    updated_at: str
    last_sign_in_at: str | None
    is_anonymous: bool = False

    @classmethod
    def of(cls, account: Account) -> UserBody:
        """What its owner is told."""
        created = instant(account.created_at) if account.created_at else ""
        updated = instant(account.updated_at) if account.updated_at else ""
        seen = instant(account.last_sign_in_at) if account.last_sign_in_at else None
        return cls(
            id=str(account.id),
            email=account.email,
            user_metadata=dict(account.metadata),
            identities=[IdentityBody.of(account, created, updated, seen)],
            confirmed_at=created,
            email_confirmed_at=created,
            created_at=created,
            updated_at=updated,
            last_sign_in_at=seen,
        )


def is_email(told: str) -> bool:
    """Whether an account may have it, and PostgreSQL keep it."""
    return len(told) <= LONGEST_EMAIL and EMAIL.fullmatch(told) is not None


def email_of(told: str) -> str:
    """The email as it is kept, in lower case. Raises Refusal validation_failed."""
    email = told.strip().lower()
    if len(told) > LONGEST_EMAIL or not is_email(email):
        raise Refusal("validation_failed", "Unable to validate email address: invalid format")
    return email


def checked_data(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Metadata that a profile can be made of. Raises Refusal validation_failed."""
    kept = dict(data or {})
    if len(str(kept)) > LONGEST_DATA or any(len(str(kept.get(name) or "")) > 255 for name in ("full_name", "name")):
        raise Refusal("validation_failed", "The data of this account is too long.")
    return kept


async def by_email(connection: Connection, email: str) -> Account | None:
    """The account with this email; compared as it is kept."""
    row = await (await connection.execute(FOUND + " where lower(email) = %s limit 1", (email,))).fetchone()
    return _account(row)


async def by_id(connection: Connection, user_id: UUID) -> Account | None:
    """The account with this id."""
    return _account(await (await connection.execute(FOUND + " where id = %s", (user_id,))).fetchone())


async def own(connection: Connection, user_id: UUID) -> Account:
    """The account of somebody who is signed in. Raises Refusal session_not_found where it was erased since."""
    account = await by_id(connection, user_id)
    if account is None:
        raise Refusal("session_not_found", "This account is not here any more.")
    return account


async def create(
    connection: Connection,
    email: str,
    password: str | None,
    data: Mapping[str, Any],
    now: datetime,
    *,
    user_id: UUID | None = None,
) -> Account | None:
    """A new account; None when the email or the id has one, whoever of two came first."""
    try:
        row = await (
            await connection.execute(
                "insert into auth.users (id, email, encrypted_password, raw_user_meta_data, created_at, updated_at)"
                " values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning id",
                (user_id or uuid4(), email, password, Jsonb(dict(data)), now, now),
            )
        ).fetchone()
    except DataError:
        raise Refusal("validation_failed", "The data of this account cannot be kept.") from None
    return await by_id(connection, row["id"]) if row else None


async def signed_in(connection: Connection, account: Account, now: datetime) -> Account:
    """Note a sign-in, which also brings the profile up to date."""
    await connection.execute("update auth.users set last_sign_in_at = %s where id = %s", (now, account.id))
    return await by_id(connection, account.id) or account


async def rehash(connection: Connection, user_id: UUID, old: str, new: str) -> None:
    """The same password with another cost, unless it was changed meanwhile."""
    await connection.execute(
        "update auth.users set encrypted_password = %s where id = %s and encrypted_password = %s", (new, user_id, old)
    )


async def change(
    connection: Connection, account: Account, now: datetime, *, password: str | None, data: Mapping[str, Any] | None
) -> Account:
    """Set the password's hash, and merge ``data`` over the metadata; a null in it removes the key."""
    merged = dict(account.metadata) | dict(data or {})
    kept = {key: value for key, value in merged.items() if value is not None}
    try:
        await connection.execute(
            "update auth.users set encrypted_password = coalesce(%s, encrypted_password), raw_user_meta_data = %s,"
            " updated_at = %s where id = %s",
            (password, Jsonb(checked_data(kept)), now, account.id),
        )
    except DataError:
        raise Refusal("validation_failed", "The data of this account cannot be kept.") from None
    return await by_id(connection, account.id) or account


async def use_invitation(connection: Connection, code: str, email: str, now: datetime) -> str | None:
    """The tier that the invitation gives, now used up; None when it is not one for this email."""
    row = await (
        await connection.execute(
            "update sterna.invitations set used_at = %(now)s where hash = %(hash)s and used_at is null"
            " and expires_at > %(now)s and (email is null or email = %(email)s) returning tier",
            {"hash": hashed(code.strip()), "now": now, "email": email},
        )
    ).fetchone()
    return str(row["tier"]) if row else None


async def set_tier(connection: Connection, user_id: UUID, tier: str) -> bool:
    """Whether there was a profile to put into ``tier``."""
    done = await connection.execute("update public.profiles set subscription_tier = %s where id = %s", (tier, user_id))
    return done.rowcount == 1


def _account(row: Mapping[str, Any] | None) -> Account | None:
    if row is None:
        return None
    data = row["raw_user_meta_data"]
    return Account(
        row["id"],
        row["email"] or "",
        row["created_at"],
        row["updated_at"],
        row["last_sign_in_at"],
        row["banned_until"],
        data if isinstance(data, dict) else {},
        row["encrypted_password"] or None,
    )
