"""A sign-in that lasts: an access token whenever one is asked for, renewed under a lock between processes.

A refresh token is good for one use, and using it twice ends the sign-in. So whoever renews first waits for its turn,
then reads again what is kept: where another process has renewed meanwhile, its token is taken and nothing is asked. The
alternative, a renewing process that others talk to, would need one that is always there.
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

from ..errors import SIGN_IN_AGAIN, CannotReach, SendingOff, SignInError, SignInNeeded, WrongAccount
from .gotrue import SignInServer, Tokens, subject_of

T = TypeVar("T")

log = logging.getLogger("sterna.sync")

EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
PATIENCE = 90.0
"""Seconds to wait for another process that renews."""
PAUSE = 0.05

WhyNot = Callable[[], str | None]
"""What speaks against sending just now, in a sentence; None when nothing does. Not for the event loop."""


def _nothing() -> None:
    """Nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A sign-in as it is kept with the credentials."""

    origin: str
    user_id: str
    email: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    until: float
    """When the access token ends, by this computer's clock: the server's clock may be another."""
    raw: Mapping[str, Any] | None = field(repr=False, default=None)
    """What upstream's cookies are made of; not kept for a Sterna server."""

    def encode(self) -> str:
        """One line of ASCII, as credentials take it."""
        told = {name: getattr(self, name) for name in ("origin", "user_id", "email", "access", "refresh", "until")}
        return json.dumps(told | ({"raw": dict(self.raw)} if self.raw is not None else {}), separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Kept | None:
        """None where it is nothing that this program kept."""
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        texts = [told.get(name) for name in ("origin", "user_id", "email", "access", "refresh")]
        until, raw = told.get("until"), told.get("raw")
        if not all(isinstance(one, str) for one in texts) or not isinstance(until, (int, float)):
            return None
        origin, user_id, email, access, refresh = (str(one) for one in texts)
        return cls(origin, user_id, email, access, refresh, float(until), raw if isinstance(raw, dict) else None)


class Session(Protocol):
    """Whoever gives tokens."""

    async def token(self) -> str:
        """An access token that should be good. Raises :class:`SignInNeeded`, or :class:`CannotReach`."""
        ...

    async def refresh(self) -> str:
        """Another token than the one that the server has just refused. Raises as :meth:`token` does."""
        ...

    async def check(self, origin: str, user_id: str) -> None:
        """Raises :class:`WrongAccount` unless the sign-in is that account's at that server, and :class:`SendingOff`."""
        ...


class KeptSession:
    """The sign-in of one account's file. ``whole`` keeps all that the server gave, which upstream's cookies are of."""

    def __init__(
        self,
        name: str,
        origin: str,
        credentials: Credentials,
        server: SignInServer,
        *,
        whole: bool = False,
        why_not: WhyNot = _nothing,
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
        self._kept: Kept | None = None
        self._renewing: asyncio.Task[Kept] | None = None

    async def token(self) -> str:
        """See :class:`Session`."""
        kept = await self.kept()
        if kept.until - self._now() > EARLY:
            return kept.access
        return (await self._renewed(kept)).access

    async def refresh(self) -> str:
        """See :class:`Session`."""
        return (await self._renewed(await self.kept())).access

    async def check(self, origin: str, user_id: str) -> None:
        """See :class:`Session`. Reads anew what is kept: a sign-out by another process counts at once."""
        await _may_send(self._why_not)
        self._kept = kept = await self._read()
        subject = subject_of(kept.access) or kept.user_id
        if kept.origin != origin or kept.user_id != user_id or subject != user_id:
            raise WrongAccount(f"The sign-in that is kept is not this history's account. {SIGN_IN_AGAIN}")

    async def kept(self) -> Kept:
        """The sign-in. Raises :class:`SignInNeeded` where none is kept."""
        if self._kept is None:
            self._kept = await self._read()
        return self._kept

    async def replace(self, tokens: Tokens) -> None:
        """Keep what the server has given: at a sign-in, or with an answer's cookies. Raises :class:`ConfigError`."""

        async def keep() -> None:
            self._kept = await self._written(self._taken(tokens))

        await self._in_turn(keep)

    async def forget(self) -> bool:
        """Sign out: here always, at the server where it can be reached; whether it heard of it."""

        async def end() -> bool:
            try:
                kept = await self._read()
            except SignInNeeded:
                kept = None
            told = False
            try:
                if kept is not None:
                    await self._server.logout(kept.access)
                    told = True
            except SignInNeeded:
                told = await self._ended(kept)
            except SignInError as error:
                log.warning("the server was not told of a sign-out: %s", type(error).__name__)
            finally:
                self._kept = None
                await asyncio.to_thread(self._credentials.delete, self._name)
            return told

        return await self._in_turn(end)

    async def _ended(self, kept: Kept | None) -> bool:
        """An access token that has run out ends nothing: with a new one the sign-in can be ended."""
        try:
            if kept is not None:
                await self._server.logout((await self._server.refresh(kept.refresh)).access)
        except SignInNeeded:
            return True  # it had ended already
        except SignInError:
            return False
        return True

    async def _renewed(self, used: Kept) -> Kept:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._in_turn(lambda: self._renew(used)), name="sync.renew")
            self._renewing.add_done_callback(_heard)
        # a caller that gives up must not lose a token that the server has already given
        return await asyncio.shield(self._renewing)

    async def _renew(self, used: Kept) -> Kept:
        kept = await self._read()
        if kept.refresh != used.refresh and kept.until - self._now() > EARLY:
            self._kept = kept
            return kept
        return await self._keep(await self._server.refresh(kept.refresh))

    async def _keep(self, tokens: Tokens) -> Kept:
        kept = self._taken(tokens)
        if self._kept is not None and kept.user_id != self._kept.user_id:
            raise WrongAccount(f"The server gave a sign-in of another account. {SIGN_IN_AGAIN}")
        self._kept = kept
        try:
            return await self._written(kept)
        except ConfigError:  # the disk is full: this process at least can go on
            log.error("the renewed sign-in could not be kept; it lasts as long as this process")
            return kept

    def _taken(self, tokens: Tokens) -> Kept:
        raw = tokens.raw if self._whole else None
        until = self._now() + tokens.seconds
        return Kept(self._origin, tokens.user_id, tokens.email, tokens.access, tokens.refresh, until, raw)

    async def _written(self, kept: Kept) -> Kept:
        await asyncio.to_thread(self._credentials.put, self._name, kept.encode())
        return kept

    async def _read(self) -> Kept:
        try:
            text = await asyncio.to_thread(self._credentials.get, self._name)
        except ConfigError as error:
            raise SignInNeeded(str(error)) from None
        kept = Kept.decode(text) if text else None
        if kept is None or kept.origin != self._origin:
            raise SignInNeeded(f"Nobody is signed in here. {SIGN_IN_AGAIN}")
        return kept

    async def _in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        lock = self._credentials.lock(self._name)
        waited = 0.0
        try:
            while not lock.try_acquire():
                if waited > PATIENCE:
                    raise CannotReach("Another Sterna is still renewing the sign-in. Try again.", "timeout")
                await self._sleep(PAUSE)
                waited += PAUSE
        except ConfigError as error:
            raise SignInNeeded(str(error)) from None
        try:
            return await work()
        finally:
            lock.release()


class CommandSession:
    """Tokens that a command of the person prints."""

    def __init__(self, origin: str, run: Callable[[], str], *, why_not: WhyNot = _nothing) -> None:
        self._origin = origin
        self._why_not = why_not
        self._run = run
        self._token = ""

    async def token(self) -> str:
        """See :class:`Session`."""
        return self._token or await self.refresh()

    async def refresh(self) -> str:
        """See :class:`Session`."""
        try:
            self._token = await asyncio.to_thread(self._run)
        except ConfigError as error:
            raise SignInNeeded(str(error)) from None
        return self._token

    async def check(self, origin: str, user_id: str) -> None:
        """See :class:`Session`."""
        await _may_send(self._why_not)
        if origin != self._origin or subject_of(await self.token()) != user_id:
            raise WrongAccount("The token that sync.token_command prints is not of this history's account.")


async def _may_send(why_not: WhyNot) -> None:
    reason = await asyncio.to_thread(why_not)
    if reason is not None:
        raise SendingOff(reason)


def _heard(task: asyncio.Task[Kept]) -> None:
    """Take the error of a renewal whose callers are all gone."""
    if not task.cancelled():
        task.exception()
