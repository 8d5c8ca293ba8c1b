"""How often somebody may ask: a moving hour per class of endpoint, and the headers that say what is left of it.

A route says its class in one word, and its answers carry the headers whatever they are::

    @router.get("/api/chat/search", dependencies=[limited("B")])

``A`` replies, ``B`` search and user data, ``C`` upstream-style sync, ``D`` administration; ``S`` devices
that sync, in number and in bytes as they arrive, for routes whose requests may name a device; ``sign-in``
whatever takes a password or a code that a person types, counted by address; ``refresh``, ``device`` and ``grant``
refresh tokens, device codes and kinds of grant that are not known, each apart, so that a device with a stale token
keeps nobody at its address from signing in; ``auth`` every other request of sign-in, of which clients that refresh
and poll send many. Where only the body tells the class, the
endpoint calls ``await parts.limits.spend(request, Caller(), "sign-in")`` itself. Whoever takes a password also calls
``await parts.limits.spend_name(request, email)`` before looking the account up.

Refused requests count too, so hammering extends the block. See docs/specification/endpoints.md#rate-limits.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from math import ceil
from types import MappingProxyType
from typing import Literal

from limits import RateLimitItemPerHour
from limits.aio.storage import MovingWindowSupport
from limits.errors import StorageError
from starlette.requests import Request

from ..clock import Clock
from ..errors import ApiError, instant
from ..identity import Caller
from ..settings import MEGABYTE, ServerSettings
from .rate_limit_store import HOUR, Recent, redis
from .shared_rate_limits import SharedWindows

Class = Literal["A", "B", "C", "D", "S", "auth", "sign-in", "refresh", "device", "grant"]

AMOUNTS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "A": {"anonymous": 10, "free": 20, "pro": 200, "enterprise": 500},
        "B": {"anonymous": 20, "free": 50, "pro": 500, "enterprise": 1000},
        "C": {"anonymous": 50, "free": 200, "pro": 1000, "enterprise": 2000},
        "D": {"anonymous": 0, "free": 100, "pro": 100, "enterprise": 100},
    }
)
"""Requests an hour."""

BY_ADDRESS = "sign-in"
"""Of this class nobody is known yet."""

PIECE = 16 * 1024
"""Bytes that a push counts by."""

SIGN_INS, PER_NAME = 30, 10
"""An hour: from one address, whoever it names, and naming one account, wherever from."""

UNKNOWN = 240
"""An hour: from one address, of each kind of token that is not known. Random tokens need no protection from guesses."""

AUTH, PER_TOKEN = 1200, 240
"""An hour: requests of sign-in from one address or account, and refreshes of one account or polls with one code."""

FLOOD_SECONDS = 1.0
"""How long a refusal waits for somebody who does not stop: a flood is then as slow as its connections are few."""

WITH_PORT = re.compile(r"\[(.*)\](?::\d+)?|([\d.]+):\d+")
"""How some proxies write an address. Each connection has a port of its own, so it is not part of who asks."""

log = logging.getLogger("sterna.server")


@dataclass(frozen=True, slots=True)
class Left:
    """What remains of an hour after a request."""

    amount: int
    remaining: int
    reset: float
    """When the request that now counts as the first leaves the hour, in seconds since 1970."""
    refused: bool = False
    is_flood: bool = False
    """As many were refused as were allowed."""

    def headers(self, now: float) -> dict[str, str]:
        """As every answer of the class carries them."""
        told = {
            "X-RateLimit-Limit": str(self.amount),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": instant(datetime.fromtimestamp(self.reset, UTC)),
        }
        return told if self.remaining else told | {"Retry-After": str(self.wait(now))}

    def wait(self, now: float) -> int:
        """Whole seconds until a request is taken again."""
        return max(1, ceil(self.reset - now))


class Limits:
    """Counts requests: with all servers of the database, in Redis, or in this process alone.

    Redis that does not answer limits nobody.
    """

    def __init__(
        self,
        settings: ServerSettings,
        clock: Clock,
        refusals: Callable[[str], None] = lambda kind: None,
        shared: SharedWindows | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._refusals = refusals
        self._shared = None if settings.redis_url else shared
        self._store: MovingWindowSupport = (
            redis(settings.redis_url) if settings.redis_url else shared or Recent(lambda: clock().timestamp())
        )

    async def spend(self, request: Request, caller: Caller, kind: Class) -> None:
        """Count one request of ``caller``. Raises ApiError 429; the answer gets the headers either way."""
        if kind == BY_ADDRESS or caller.identity.user_id is None:
            key = f"address:{self.address(request)}"
        else:
            key = f"user:{caller.identity.user_id}"
        await self._spend(request, kind, key, self.amount(kind, caller.tier))
        if (
            kind == "S"
            and self._settings.sync_megabytes
            and (pieces := request.scope.get("sterna.received", 0) // PIECE)
        ):
            most = self._settings.sync_megabytes * MEGABYTE // PIECE
            await self._spend(request, kind, f"bytes:{key}", most, pieces, what="pieces of 16 KiB in requests")

    async def spend_password(self, request: Request, email: str) -> None:
        """Count one attempt to sign in with a password. Raises ApiError 429."""
        await self.spend(request, Caller(), "sign-in")
        await self.spend_name(request, email)

    async def spend_name(self, request: Request, name: str) -> None:
        """Count one try at the account ``name``, an email or a code. Raises ApiError 429."""
        told = sha256(name.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
        await self._spend(request, BY_ADDRESS, f"name:{told}", PER_NAME)

    async def spend_account(self, request: Request, account: str) -> None:
        """Count one refresh of an account, or one poll with a code. Raises ApiError 429."""
        told = sha256(account.encode("utf-8", "replace")).hexdigest()[:32]
        await self._spend(request, "auth", f"account:{told}", PER_TOKEN)

    def amount(self, kind: Class, tier: str) -> int:
        """Requests an hour."""
        if kind == BY_ADDRESS:
            return SIGN_INS
        if kind == "auth":
            return AUTH
        if kind in ("refresh", "device", "grant"):
            return UNKNOWN
        if kind == "S":
            return self._settings.sync_requests
        of_class = AMOUNTS[kind]
        return of_class.get(tier, of_class["free"])

    def address(self, request: Request) -> str:
        """Who is at the other end, as far as the proxies that are trusted say; one network of IPv6 is one."""
        peer = request.client.host if request.client else "unknown"
        if self._settings.trusted_proxies:
            named = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
            hops = [one for part in named if (one := part.strip())]
            if len(hops) >= self._settings.trusted_proxies:
                peer = hops[-self._settings.trusted_proxies]
        if (with_port := WITH_PORT.fullmatch(peer)) is not None:
            peer = with_port[1] or with_port[2]
        try:
            known = ip_address(peer)
        except ValueError:
            return peer[:64]
        if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
            return str(IPv6Address(int(known) >> 64 << 64))
        return str(known)

    async def _spend(
        self, request: Request, kind: str, key: str, amount: int, hits: int = 1, *, what: str = ""
    ) -> None:
        if not self._settings.rate_limits:
            return
        try:
            left = await self._count(RateLimitItemPerHour(amount).key_for(kind, key), amount, hits, kind)
        except StorageError as error:
            log.warning("rate limits: %s", type(error.storage_error).__name__)
            return
        now = self._clock().timestamp()
        if left.refused or not what:
            request.scope.setdefault("sterna.headers", {}).update(left.headers(now))
        if left.refused:
            self._refusals(kind)
            if left.is_flood:
                await asyncio.sleep(FLOOD_SECONDS)
            raise ApiError(
                "rate_limit_exceeded",
                "Rate limit exceeded",
                details=f"At most {amount} {what or 'of these requests'} an hour.",
                retry_after=left.wait(now),
                suggestions=["Wait for as long as Retry-After says, then ask again."],
            )

    async def _count(self, key: str, amount: int, hits: int, kind: str) -> Left:
        if not amount:
            return Left(0, 0, self._clock().timestamp() + HOUR, refused=True)
        is_flood = False
        taken = await self._store.acquire_entry(key, amount, HOUR, hits)
        if taken and kind == BY_ADDRESS and self._shared is not None:
            # a guess at a password: what other servers let through in this second counts too
            taken = await self._shared.agreed(key, amount, HOUR)
        elif not taken:
            # Recorded all the same; twice the amount bounds what a flood can make us keep.
            is_flood = not await self._store.acquire_entry(key, 2 * amount, HOUR, hits)
        start, count = await self._store.get_moving_window(key, amount, HOUR)
        return Left(amount, max(0, amount - count), start + HOUR, refused=not taken, is_flood=is_flood)
