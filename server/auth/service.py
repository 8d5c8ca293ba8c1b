"""Signing up and in, whichever page or program asks."""

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

WEAK = {
    "length": "A password has 8 to 1024 characters.",
    "characters": "This password is a simple pattern, or little more than your own email or name. Choose another one.",
    "pwned": "This password is too easy to guess. Choose another one.",
}
"""Sentences by reason."""

log = logging.getLogger("sterna.server")


class Session(BaseModel):
    """What a client keeps of a sign-in."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    expires_at: int
    refresh_token: str
    user: UserBody
    server_id: str = Field(description="Stays when the server moves to another address.")


class SignIn:
    """What endpoints ask for; each method raises Refusal."""

    def __init__(
        self, settings: ServerSettings, database: Database, tokens: Tokens, passwords: Passwords, clock: Clock
    ) -> None:
        self._settings, self._database, self._clock = settings, database, clock
        self._tokens, self._passwords = tokens, passwords

    async def up(self, email: str, password: str, data: Mapping[str, Any] | None, invitation: str = "") -> Account:
        """A new account."""
        signup = self._settings.signup
        if signup == "closed":
            raise Refusal("signup_disabled", "Signups not allowed for this instance")
        if signup == "invite" and not invitation:
            raise Refusal("signup_disabled", "An invitation is needed to sign up here.")
        address, kept = accounts.email_of(email), accounts.checked_data(data)
        require_allowed(password, *own_names(address, kept))
        hashed, now = await self._passwords.hash(password), self._clock()

        async def work(connection: Connection) -> Account:
            tier = "free"
            if invitation:
                found = await accounts.use_invitation(connection, invitation, address, now)
                if found is None and signup == "invite":
                    raise Refusal("invite_not_found", "This invitation is not valid, or was used already.")
                tier = found or tier
            account = await accounts.create(connection, address, hashed, kept, now)
            if account is None:
                raise Refusal("user_already_exists", "User already registered")
            if tier != "free":
                await accounts.set_tier(connection, account.id, tier)
            return account

        return await self._database.write(SERVER, work)

    async def account(self, email: str, password: str) -> Account:
        """The account with this email and this password. Takes as long, and says as much, when there is none."""
        address, passwords = email.strip().lower(), self._passwords

        async def find(connection: Connection) -> Account | None:
            return await accounts.by_email(connection, address) if accounts.is_email(address) else None

        found = await self._database.read(SERVER, find)
        kept = found.password if found else None
        right = await passwords.is_right(kept, password)
        if found is None or kept is None or not right:
            if kept is not None and not kept.startswith("$argon2"):
                log.warning("account %s has a password hash of another kind; set a new password", found and found.id)
            raise Refusal("invalid_credentials", "Invalid login credentials")
        if found.is_banned(self._clock()):
            raise Refusal("user_banned", "User is banned")
        if passwords.is_dated(kept):
            renewed = await passwords.hash(password)

            async def renew(connection: Connection) -> None:
                await accounts.rehash(connection, found.id, kept, renewed)

            await self._database.write(SERVER, renew)
        return found

    async def begin(self, account: Account) -> Session:
        """A sign-in of somebody who has shown who they are."""

        async def work(connection: Connection) -> Issued:
            return await self._issue(connection, account)

        return await self._session(await self._database.write(SERVER, work))

    async def owner(self, token: str) -> UUID | None:
        """Return whose refresh token this is; None for one that is nobody's."""
        return await self._database.read(SERVER, lambda db: refresh_tokens.owner(db, token))

    async def is_code(self, code: str) -> bool:
        """Whether this is the code of a terminal, waiting or ended."""
        return await self._database.read(SERVER, lambda db: device_codes.is_known(db, code))

    async def refresh(self, token: str) -> Session:
        """The next tokens of a sign-in."""
        seconds, now = self._settings.refresh_seconds, self._clock()

        async def work(connection: Connection) -> Issued | refresh_tokens.Refused:
            return await refresh_tokens.rotate(connection, token, now, seconds)

        outcome = await self._database.write(SERVER, work)
        if outcome == "reused":
            log.warning("a refresh token was used twice; its sign-in has ended")
            raise Refusal("refresh_token_already_used", "Invalid Refresh Token: Already Used")
        if outcome == "banned":
            raise Refusal("user_banned", "User is banned")
        if outcome == "unknown":
            raise Refusal("refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        return await self._session(outcome)

    async def device(self, code: str) -> Session:
        """The sign-in that somebody approved for this terminal."""
        now = self._clock()

        async def work(connection: Connection) -> Issued | Refusal:
            answer = await device_codes.ask(connection, code, now)
            return answer if isinstance(answer, Refusal) else await self._issue(connection, answer)

        outcome = await self._database.write(SERVER, work)
        if isinstance(outcome, Refusal):
            raise outcome
        return await self._session(outcome)

    async def change(self, user_id: UUID, family: UUID | None, password: str | None, data: Any) -> Account:
        """Change one's own account; a new password ends every other sign-in."""
        hashed, now = None, self._clock()
        if password is not None:
            known = await self._database.read(SERVER, lambda db: accounts.own(db, user_id))
            require_allowed(password, *own_names(known.email, {**known.metadata, **(data or {})}))
            hashed = await self._passwords.hash(password)

        async def work(connection: Connection) -> Account:
            account = await accounts.own(connection, user_id)
            changed = await accounts.change(connection, account, now, password=hashed, data=data)
            if hashed is not None:
                await refresh_tokens.end(connection, user_id, keep=family)
            return changed

        return await self._database.write(SERVER, work)

    async def out(self, user_id: UUID, family: UUID | None, scope: str) -> None:
        """End this sign-in, all others, or all."""

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
        noted = await accounts.signed_in(connection, account, now)
        return await refresh_tokens.issue(connection, noted, now, self._settings.refresh_seconds)

    async def _session(self, issued: Issued) -> Session:
        seconds = self._settings.access_seconds
        return Session(
            access_token=self._tokens.access(issued.account.id, issued.account.email, issued.family, issued.began),
            expires_in=seconds,
            expires_at=int((self._clock() + timedelta(seconds=seconds)).timestamp()),
            refresh_token=issued.secret,
            user=UserBody.of(issued.account),
            server_id=await server_id(self._database),
        )


def require_allowed(password: str, *own: str) -> None:
    """Raise Refusal weak_password, also for a password made of its ``own``er's email and names."""
    if (reason := weak_passwords.problem(password, own)) is not None:
        raise Refusal("weak_password", WEAK[reason], reason=reason)


def own_names(email: str, data: Mapping[str, Any] | None) -> list[str]:
    """Return what somebody who guesses a password tries first."""
    told = [(data or {}).get(name) for name in ("full_name", "name", "user_name", "preferred_username")]
    return [email, *(one for one in told if isinstance(one, str))]
