"""Sign-up, sign-in and sessions, shared by the endpoints and pages."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ..clock import Clock
from ..database.pool import Connection, Database
from ..database.server_id import server_id
from ..identity import SERVER
from ..settings import ServerSettings
from . import accounts, device_codes, refresh_tokens, weak_passwords
from .accounts import Account, UserBody
from .errors import Refusal
from .passwords import Passwords
from .refresh_tokens import Issued
from .tokens import Tokens

WEAK_PASSWORD = {
    "length": "A password must have 8 to 1024 characters.",
    "characters": "This password is a simple pattern, or close to your email or name. Choose another one.",
    "pwned": "This password is too easy to guess. Choose another one.",
}
"""Messages by reason."""

log = logging.getLogger("sterna.server")


class TokenSession(BaseModel):
    """Tokens and account of a sign-in, as a client stores them."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    expires_at: int
    refresh_token: str
    user: UserBody
    server_id: str = Field(description="Id that stays the same when the address of the server changes.")


class SignIn:
    """Sign-up, sign-in and sessions; each method raises Refusal."""

    def __init__(
        self, settings: ServerSettings, database: Database, tokens: Tokens, passwords: Passwords, clock: Clock
    ) -> None:
        self._settings, self._database, self._clock = settings, database, clock
        self._tokens, self._passwords = tokens, passwords

    async def sign_up(self, email: str, password: str, data: Mapping[str, Any] | None, invitation: str = "") -> Account:
        """Create an account."""
        signup = self._settings.signup
        if signup == "closed":
            raise Refusal("signup_disabled", "Signups not allowed for this instance")
        if signup == "invite" and not invitation:
            raise Refusal("signup_disabled", "Sign-up on this server requires an invitation.")
        address, metadata = accounts.normalized_email(email), accounts.checked_metadata(data)
        require_allowed(password, *own_names(address, metadata))
        hashed, now = await self._passwords.hash(password), self._clock()

        async def work(connection: Connection) -> Account:
            tier = "free"
            if invitation:
                granted = await accounts.use_invitation(connection, invitation, address, now)
                if granted is None and signup == "invite":
                    raise Refusal("invite_not_found", "This invitation is invalid or used.")
                tier = granted or tier
            account = await accounts.create(connection, address, hashed, metadata, now)
            if account is None:
                raise Refusal("user_already_exists", "User already registered")
            if tier != "free":
                await accounts.set_tier(connection, account.id, tier)
            return account

        return await self._database.write(SERVER, work)

    async def authenticate(self, email: str, password: str) -> Account:
        """Return the account with this email and password. An unknown email fails in the same time and way."""
        address, passwords = email.strip().lower(), self._passwords

        async def find(connection: Connection) -> Account | None:
            return await accounts.by_email(connection, address) if accounts.is_email(address) else None

        account = await self._database.read(SERVER, find)
        stored = account.password if account else None
        is_correct = await passwords.is_correct(stored, password)
        if account is None or stored is None or not is_correct:
            if stored is not None and not stored.startswith("$argon2"):
                log.warning("account %s has an unsupported password hash; set a new password", account and account.id)
            raise Refusal("invalid_credentials", "Invalid login credentials")
        if account.is_banned(self._clock()):
            raise Refusal("user_banned", "User is banned")
        if passwords.needs_rehash(stored):
            renewed = await passwords.hash(password)

            async def renew(connection: Connection) -> None:
                await accounts.rehash(connection, account.id, stored, renewed)

            await self._database.write(SERVER, renew)
        return account

    async def start_session(self, account: Account) -> TokenSession:
        """Start a session of an authenticated account."""

        async def work(connection: Connection) -> Issued:
            return await self._issue(connection, account)

        return await self._session(await self._database.write(SERVER, work))

    async def refresh_token_owner(self, token: str) -> UUID | None:
        """Return the account of a refresh token; None for an unknown one."""
        return await self._database.read(SERVER, lambda db: refresh_tokens.owner(db, token))

    async def is_device_code(self, code: str) -> bool:
        """Return whether this is the code of a terminal, waiting or expired."""
        return await self._database.read(SERVER, lambda db: device_codes.is_known(db, code))

    async def refresh_session(self, token: str) -> TokenSession:
        """Return the next tokens of a session."""
        seconds, now = self._settings.refresh_seconds, self._clock()

        async def work(connection: Connection) -> Issued | refresh_tokens.RotationError:
            return await refresh_tokens.rotate(connection, token, now, seconds)

        outcome = await self._database.write(SERVER, work)
        if outcome == "reused":
            log.warning("a refresh token was used twice; its session was ended")
            raise Refusal("refresh_token_already_used", "Invalid Refresh Token: Already Used")
        if outcome == "banned":
            raise Refusal("user_banned", "User is banned")
        if outcome == "unknown":
            raise Refusal("refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        return await self._session(outcome)

    async def start_device_session(self, code: str) -> TokenSession:
        """Start the session that was approved for a terminal."""
        now = self._clock()

        async def work(connection: Connection) -> Issued | Refusal:
            approved = await device_codes.poll(connection, code, now)
            return approved if isinstance(approved, Refusal) else await self._issue(connection, approved)

        outcome = await self._database.write(SERVER, work)
        if isinstance(outcome, Refusal):
            raise outcome
        return await self._session(outcome)

    async def change_account(self, user_id: UUID, family: UUID | None, password: str | None, data: Any) -> Account:
        """Change an account; a new password ends every session but ``family``."""
        hashed, now = None, self._clock()
        if password is not None:
            current = await self._database.read(SERVER, lambda db: accounts.own(db, user_id))
            require_allowed(password, *own_names(current.email, {**current.metadata, **(data or {})}))
            hashed = await self._passwords.hash(password)

        async def work(connection: Connection) -> Account:
            account = await accounts.own(connection, user_id)
            changed = await accounts.change(connection, account, now, password=hashed, data=data)
            if hashed is not None:
                await refresh_tokens.end(connection, user_id, keep=family)
            return changed

        return await self._database.write(SERVER, work)

    async def sign_out(self, user_id: UUID, family: UUID | None, scope: str) -> None:
        """End the session ``family``, all others, or all."""

        async def work(connection: Connection) -> None:
            if scope == "global":
                await refresh_tokens.end(connection, user_id)
            elif scope == "others":
                await refresh_tokens.end(connection, user_id, keep=family)
            elif family is not None:
                await refresh_tokens.end(connection, user_id, family)

        await self._database.write(SERVER, work)

    async def _issue(self, connection: Connection, account: Account) -> Issued:
        now = self._clock()
        updated = await accounts.record_sign_in(connection, account, now)
        return await refresh_tokens.issue(connection, updated, now, self._settings.refresh_seconds)

    async def _session(self, issued: Issued) -> TokenSession:
        seconds = self._settings.access_seconds
        return TokenSession(
            access_token=self._tokens.access(
                issued.account.id, issued.account.email, issued.family, issued.signed_in_at
            ),
            expires_in=seconds,
            expires_at=int((self._clock() + timedelta(seconds=seconds)).timestamp()),
            refresh_token=issued.secret,
            user=UserBody.of(issued.account),
            server_id=await server_id(self._database),
        )


def require_allowed(password: str, *own: str) -> None:
    """Raise Refusal weak_password; ``own`` are the email and names of the owner."""
    if (reason := weak_passwords.problem(password, own)) is not None:
        raise Refusal("weak_password", WEAK_PASSWORD[reason], reason=reason)


def own_names(email: str, data: Mapping[str, Any] | None) -> list[str]:
    """Return the email and names of an account, which a new password must not consist of."""
    names = [(data or {}).get(name) for name in ("full_name", "name", "user_name", "preferred_username")]
    return [email, *(name for name in names if isinstance(name, str))]
