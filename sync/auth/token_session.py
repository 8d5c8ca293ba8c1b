"""Access tokens of a sign-in, renewed under a lock between processes.

A refresh token can be used once, and using it twice ends the sign-in. So a process that renews first acquires the lock,
then reads the stored tokens again: where another process has renewed them meanwhile, they are used without a request.
The alternative, one process that renews for all others, would have to run all the time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sterna.config import ConfigError
from sterna.config.credentials import Credentials

from ..errors import SIGN_IN_AGAIN, CannotReach, SignInError, SignInNeeded, SyncDisabled, WrongAccount
from .gotrue import SignInServer, Tokens, subject_of

T = TypeVar("T")

log = logging.getLogger("sterna.sync")

EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
PATIENCE = 90.0
"""Seconds to wait for another process that renews."""
PAUSE = 0.05

WhyNot = Callable[[], str | None]
"""Function that returns a sentence about why nothing may be sent now, or None. It blocks."""


def _no_objection() -> None:
    """Allow sending."""


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """Tokens of a sign-in, as stored with the credentials."""

    origin: str
    user_id: str
    email: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    until: float
    """Expiry of the access token by the clock of this device, which may differ from the server's."""
    raw: Mapping[str, Any] | None = field(repr=False, default=None)
    """Response that upstream's cookies are built from; not stored for a Sterna server."""

    def encode(self) -> str:
        """Return one line of ASCII."""
        fields = {name: getattr(self, name) for name in ("origin", "user_id", "email", "access", "refresh", "until")}
        return json.dumps(fields | ({"raw": dict(self.raw)} if self.raw is not None else {}), separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> StoredTokens | None:
        """Return the tokens in ``text``; None where it holds none."""
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        texts = [fields.get(name) for name in ("origin", "user_id", "email", "access", "refresh")]
        until, raw = fields.get("until"), fields.get("raw")
        if not all(isinstance(value, str) for value in texts) or not isinstance(until, (int, float)):
            return None
        origin, user_id, email, access, refresh = map(str, texts)
        return cls(origin, user_id, email, access, refresh, float(until), raw if isinstance(raw, dict) else None)


class TokenSession(Protocol):
    """Source of access tokens."""

    async def token(self) -> str:
        """Return an access token, renewed if necessary. Raises :class:`SignInNeeded`, or :class:`CannotReach`."""
        ...

    async def refresh(self) -> str:
        """Return a new token after the server has rejected the last one. Raises as :meth:`token` does."""
        ...

    async def check(self, origin: str, user_id: str) -> None:
        """Check that the sign-in is that account's at that server, and that it may send.

        Raises :class:`WrongAccount` or :class:`SyncDisabled`.
        """
        ...


class StoredTokenSession:
    """Sign-in of one account, with tokens stored with the credentials.

    ``whole`` stores the whole response of the server too, which upstream's cookies are built from.
    """

    def __init__(
        self,
        name: str,
        origin: str,
        credentials: Credentials,
        server: SignInServer,
        *,
        whole: bool = False,
        why_not: WhyNot = _no_objection,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._origin = origin
        self._credentials = credentials
        self._server = server
        self._whole = whole
        self._why_not = why_not
        self._now = now
        self._sleep = sleep
        self._tokens: StoredTokens | None = None
        self._renewing: asyncio.Task[StoredTokens] | None = None

    async def token(self) -> str:
        """See :class:`TokenSession`."""
        stored = await self.stored()
        if stored.until - self._now() > EARLY:
            return stored.access
        return (await self._renewed(stored)).access

    async def refresh(self) -> str:
        """See :class:`TokenSession`."""
        return (await self._renewed(await self.stored())).access

    async def check(self, origin: str, user_id: str) -> None:
        """See :class:`TokenSession`. Reads the tokens anew: a sign-out by another process counts at once."""
        await _may_send(self._why_not)
        self._tokens = stored = await self._read()
        subject = subject_of(stored.access) or stored.user_id
        if stored.origin != origin or stored.user_id != user_id or subject != user_id:
            raise WrongAccount(f"The stored sign-in belongs to another account than this history. {SIGN_IN_AGAIN}")

    async def stored(self) -> StoredTokens:
        """Return the stored tokens. Raises :class:`SignInNeeded` where there are none."""
        if self._tokens is None:
            self._tokens = await self._read()
        return self._tokens

    async def replace(self, tokens: Tokens) -> None:
        """Store new tokens, of a sign-in or of a response's cookies. Raises :class:`ConfigError`."""

        async def store() -> None:
            self._tokens = await self._write(self._converted(tokens))

        await self._locked(store)

    async def forget(self) -> bool:
        """Sign out on this device, and at the server where it can be reached. Return whether the server knows."""

        async def end() -> bool:
            try:
                stored = await self._read()
            except SignInNeeded:
                stored = None
            notified = False
            try:
                if stored is not None:
                    await self._server.logout(stored.access)
                    notified = True
            except SignInNeeded:
                notified = await self._logout_renewed(stored)
            except SignInError as error:
                log.warning("the server does not know of a sign-out: %s", type(error).__name__)
            finally:
                self._tokens = None
                await asyncio.to_thread(self._credentials.delete, self._name)
            return notified

        return await self._locked(end)

    async def _logout_renewed(self, stored: StoredTokens | None) -> bool:
        """End the sign-in with a new access token, after the stored one has expired."""
        try:
            if stored is not None:
                await self._server.logout((await self._server.refresh(stored.refresh)).access)
        except SignInNeeded:
            return True  # it had ended already
        except SignInError:
            return False
        return True

    async def _renewed(self, used: StoredTokens) -> StoredTokens:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._locked(lambda: self._renew(used)), name="sync.renew")
            self._renewing.add_done_callback(_retrieve_error)
        # a caller that is cancelled must not lose a token that the server has already issued
        return await asyncio.shield(self._renewing)

    async def _renew(self, used: StoredTokens) -> StoredTokens:
        stored = await self._read()
        if stored.refresh != used.refresh and stored.until - self._now() > EARLY:
            self._tokens = stored
            return stored
        return await self._store_renewed(await self._server.refresh(stored.refresh))

    async def _store_renewed(self, tokens: Tokens) -> StoredTokens:
        renewed = self._converted(tokens)
        if self._tokens is not None and renewed.user_id != self._tokens.user_id:
            raise WrongAccount(f"The server issued a sign-in of another account. {SIGN_IN_AGAIN}")
        self._tokens = renewed
        try:
            return await self._write(renewed)
        except ConfigError:  # the disk is full: this process at least can go on
            log.error("the renewed sign-in could not be stored; it lasts as long as this process")
            return renewed

    def _converted(self, tokens: Tokens) -> StoredTokens:
        raw = tokens.raw if self._whole else None
        until = self._now() + tokens.seconds
        return StoredTokens(self._origin, tokens.user_id, tokens.email, tokens.access, tokens.refresh, until, raw)

    async def _write(self, tokens: StoredTokens) -> StoredTokens:
        await asyncio.to_thread(self._credentials.put, self._name, tokens.encode())
        return tokens

    async def _read(self) -> StoredTokens:
        try:
            text = await asyncio.to_thread(self._credentials.get, self._name)
        except ConfigError as error:
            raise SignInNeeded(str(error)) from None
        tokens = StoredTokens.decode(text) if text else None
        if tokens is None or tokens.origin != self._origin:
            raise SignInNeeded(f"You are not signed in. {SIGN_IN_AGAIN}")
        return tokens

    async def _locked(self, work: Callable[[], Awaitable[T]]) -> T:
        lock = self._credentials.lock(self._name)
        waited = 0.0
        try:
            while not lock.try_acquire():
                if waited > PATIENCE:
                    raise CannotReach("Another Sterna process is still renewing the sign-in. Try again.", "timeout")
                await self._sleep(PAUSE)
                waited += PAUSE
        except ConfigError as error:
            raise SignInNeeded(str(error)) from None
        try:
            return await work()
        finally:
            lock.release()


class CommandTokenSession:
    """Tokens printed by a configured command."""

    def __init__(self, origin: str, run: Callable[[], str], *, why_not: WhyNot = _no_objection) -> None:
        self._origin = origin
        self._why_not = why_not
        self._run = run
        self._token = ""

    async def token(self) -> str:
        """See :class:`TokenSession`."""
        return self._token or await self.refresh()

    async def refresh(self) -> str:
        """See :class:`TokenSession`."""
        try:
            self._token = await asyncio.to_thread(self._run)
        except ConfigError as error:
            raise SignInNeeded(str(error)) from None
        return self._token

    async def check(self, origin: str, user_id: str) -> None:
        """See :class:`TokenSession`."""
        await _may_send(self._why_not)
        if origin != self._origin or subject_of(await self.token()) != user_id:
            raise WrongAccount("The token of sync.token_command belongs to another account than this history.")


async def _may_send(why_not: WhyNot) -> None:
    reason = await asyncio.to_thread(why_not)
    if reason is not None:
        raise SyncDisabled(reason)


def _retrieve_error(task: asyncio.Task[StoredTokens]) -> None:
    """Retrieve the error of a renewal whose callers were all cancelled, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
