"""Accounts, the rows of auth.users, for the endpoints and for ``sterna serve user``."""

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
MAX_EMAIL = 255
MAX_METADATA = 16 * 1024

SELECT = """
select id, email, encrypted_password, raw_user_meta_data, last_sign_in_at, created_at, updated_at,
       -- Python's calendar ends with the year 9999
       case when banned_until = 'infinity' then '9999-12-30Z' else banned_until end as banned_until
  from auth.users
"""


@dataclass(frozen=True, slots=True)
class Account:
    """An account."""

    id: UUID
    email: str
    created_at: datetime | None
    updated_at: datetime | None
    last_sign_in_at: datetime | None = None
    banned_until: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    """Hash of the password."""

    def is_banned(self, now: datetime) -> bool:
        """Return whether the account is disabled."""
        return self.banned_until is not None and self.banned_until > now


class IdentityBody(BaseModel):
    """Identity of an account in GoTrue's format. Clients treat an account without any as one that existed before."""

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
        """Return the single identity of an account."""
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
    """An account in GoTrue's format."""

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
        """Return an account in GoTrue's format."""
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


def is_email(text: str) -> bool:
    """Return whether an account may have this email and PostgreSQL can store it."""
    return len(text) <= MAX_EMAIL and EMAIL.fullmatch(text) is not None


def normalized_email(text: str) -> str:
    """Return an email as it is stored, in lower case. Raises Refusal validation_failed."""
    email = text.strip().lower()
    if len(text) > MAX_EMAIL or not is_email(email):
        raise Refusal("validation_failed", "Unable to validate email address: invalid format")
    return email


def checked_metadata(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata that a profile can be made of. Raises Refusal validation_failed."""
    metadata = dict(data or {})
    if len(str(metadata)) > MAX_METADATA or any(
        len(str(metadata.get(name) or "")) > 255 for name in ("full_name", "name")
    ):
        raise Refusal("validation_failed", "The metadata of this account is too long.")
    return metadata


async def by_email(connection: Connection, email: str) -> Account | None:
    """Return the account with this normalized email; None without one."""
    row = await (await connection.execute(SELECT + " where lower(email) = %s limit 1", (email,))).fetchone()
    return _account(row)


async def by_id(connection: Connection, user_id: UUID) -> Account | None:
    """Return the account with this id; None without one."""
    return _account(await (await connection.execute(SELECT + " where id = %s", (user_id,))).fetchone())


async def own(connection: Connection, user_id: UUID) -> Account:
    """Return the account of a signed-in caller. Raises Refusal session_not_found when it was deleted meanwhile."""
    account = await by_id(connection, user_id)
    if account is None:
        raise Refusal("session_not_found", "This account no longer exists.")
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
    """Create an account; return None when its email or id has one already."""
    try:
        row = await (
            await connection.execute(
                "insert into auth.users (id, email, encrypted_password, raw_user_meta_data, created_at, updated_at)"
                " values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning id",
                (user_id or uuid4(), email, password, Jsonb(dict(data)), now, now),
            )
        ).fetchone()
    except DataError:
        raise Refusal("validation_failed", "The metadata of this account cannot be stored.") from None
    return await by_id(connection, row["id"]) if row else None


async def record_sign_in(connection: Connection, account: Account, now: datetime) -> Account:
    """Record a sign-in, which also refreshes the profile."""
    await connection.execute("update auth.users set last_sign_in_at = %s where id = %s", (now, account.id))
    return await by_id(connection, account.id) or account


async def rehash(connection: Connection, user_id: UUID, old: str, new: str) -> None:
    """Replace the hash of a password by one of the current cost, unless the password was changed meanwhile."""
    await connection.execute(
        "update auth.users set encrypted_password = %s where id = %s and encrypted_password = %s", (new, user_id, old)
    )


async def change(
    connection: Connection, account: Account, now: datetime, *, password: str | None, data: Mapping[str, Any] | None
) -> Account:
    """Set the hash of the password, and merge ``data`` into the metadata; a null removes a key."""
    merged = dict(account.metadata) | dict(data or {})
    metadata = {key: value for key, value in merged.items() if value is not None}
    try:
        await connection.execute(
            "update auth.users set encrypted_password = coalesce(%s, encrypted_password), raw_user_meta_data = %s,"
            " updated_at = %s where id = %s",
            (password, Jsonb(checked_metadata(metadata)), now, account.id),
        )
    except DataError:
        raise Refusal("validation_failed", "The metadata of this account cannot be stored.") from None
    return await by_id(connection, account.id) or account


async def use_invitation(connection: Connection, code: str, email: str, now: datetime) -> str | None:
    """Use up an invitation, and return its tier; None when it is not valid for this email."""
    row = await (
        await connection.execute(
            "update sterna.invitations set used_at = %(now)s where hash = %(hash)s and used_at is null"
            " and expires_at > %(now)s and (email is null or email = %(email)s) returning tier",
            {"hash": hashed(code.strip()), "now": now, "email": email},
        )
    ).fetchone()
    return str(row["tier"]) if row else None


async def set_tier(connection: Connection, user_id: UUID, tier: str) -> bool:
    """Set the tier of a profile; return whether the profile exists."""
    result = await connection.execute(
        "update public.profiles set subscription_tier = %s where id = %s", (tier, user_id)
    )
    return result.rowcount == 1


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
