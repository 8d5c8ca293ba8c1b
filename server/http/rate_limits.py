"""Rate limits: requests per moving hour and class of endpoint, and the headers that report them.

A route names its class, and its responses carry the headers whatever their status::

    @router.get("/api/chat/search", dependencies=[limited("B")])

``A`` is for replies, ``B`` for search and user data, ``C`` for sync of web clients, ``D`` for administration. ``S``
counts devices that sync, by requests and by compressed bytes, where requests may name a device. ``sign-in`` counts
passwords and codes that a person types, by address. ``refresh``, ``device`` and ``grant`` count unknown refresh tokens,
device codes and kinds of grant, each apart, so that a device with a stale token keeps nobody at its address from
signing in. ``auth`` counts all other requests of sign-in, of which refreshing and polling clients send many. Where the
class depends on the body, the endpoint calls ``await services.limits.count(request, Caller(), "sign-in")`` itself. An
endpoint that takes a password also calls ``await services.limits.count_name(request, email)`` before it looks up the
account.

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
from .rate_limit_store import HOUR, MemoryWindows, redis_storage
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
"""Class that is counted by address, because the caller is not known yet."""

BLOCK = 16 * 1024
"""Bytes in which the size of a push is counted."""

SIGN_INS, PER_NAME = 30, 10
"""Attempts an hour from one address, and attempts an hour for one account name."""

UNKNOWN = 240
"""Unknown tokens of each kind an hour from one address. Random tokens need no protection from guessing."""

AUTH, PER_TOKEN = 1200, 240
"""Requests of sign-in an hour by address or account, and refreshes of one account or polls with one code an hour."""

FLOOD_SECONDS = 1.0
"""Delay of a refusal after twice the limit, so that a flood over few connections is slow."""

WITH_PORT = re.compile(r"\[(.*)\](?::\d+)?|([\d.]+):\d+")
"""Address with a port, as some proxies write it. The port differs per connection, so it is removed."""

log = logging.getLogger("sterna.server")


@dataclass(frozen=True, slots=True)
class Remaining:
    """State of a limit after a request."""

    limit: int
    remaining: int
    reset: float
    """Seconds since 1970 at which the oldest counted request leaves the hour."""
    refused: bool = False
    is_flood: bool = False
    """True if as many requests were refused as are allowed."""

    def headers(self, now: float) -> dict[str, str]:
        """Return the headers of responses."""
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": instant(datetime.fromtimestamp(self.reset, UTC)),
        }
        return headers if self.remaining else headers | {"Retry-After": str(self.wait(now))}

    def wait(self, now: float) -> int:
        """Return the whole seconds until a request is accepted again."""
        return max(1, ceil(self.reset - now))


class RateLimits:
    """Rate limits counted in Redis, together with all servers of the database, or in this process alone.

    While Redis is unreachable nothing is limited.
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
            redis_storage(settings.redis_url)
            if settings.redis_url
            else shared or MemoryWindows(lambda: clock().timestamp())
        )

    async def count(self, request: Request, caller: Caller, kind: Class) -> None:
        """Count one request of ``caller``. Raises ApiError 429; the response gets the headers in any case."""
        if kind == BY_ADDRESS or caller.identity.user_id is None:
            key = f"address:{self.address(request)}"
        else:
            key = f"user:{caller.identity.user_id}"
        await self._count(request, kind, key, self.limit(kind, caller.tier))
        if (
            kind == "S"
            and self._settings.sync_megabytes
            and (blocks := request.scope.get("sterna.received", 0) // BLOCK)
        ):
            limit = self._settings.sync_megabytes * MEGABYTE // BLOCK
            await self._count(request, kind, f"bytes:{key}", limit, blocks, unit="blocks of 16 KiB")

    async def count_password(self, request: Request, email: str) -> None:
        """Count one attempt to sign in with a password. Raises ApiError 429."""
        await self.count(request, Caller(), "sign-in")
        await self.count_name(request, email)

    async def count_name(self, request: Request, name: str) -> None:
        """Count one attempt at the account ``name``, an email or a code. Raises ApiError 429."""
        digest = sha256(name.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
        await self._count(request, BY_ADDRESS, f"name:{digest}", PER_NAME)

    async def count_account(self, request: Request, account: str) -> None:
        """Count one refresh of an account, or one poll with a code. Raises ApiError 429."""
        digest = sha256(account.encode("utf-8", "replace")).hexdigest()[:32]
        await self._count(request, "auth", f"account:{digest}", PER_TOKEN)

    def limit(self, kind: Class, tier: str) -> int:
        """Return the requests an hour of a class and tier."""
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
        """Return the client's address as trusted proxies report it; for IPv6 the address of its /64 network."""
        peer = request.client.host if request.client else "unknown"
        if self._settings.trusted_proxies:
            forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
            hops = [hop for part in forwarded if (hop := part.strip())]
            if len(hops) >= self._settings.trusted_proxies:
                peer = hops[-self._settings.trusted_proxies]
        if (with_port := WITH_PORT.fullmatch(peer)) is not None:
            peer = with_port[1] or with_port[2]
        try:
            address = ip_address(peer)
        except ValueError:
            return peer[:64]
        if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
            return str(IPv6Address(int(address) >> 64 << 64))
        return str(address)

    async def _count(self, request: Request, kind: str, key: str, limit: int, hits: int = 1, *, unit: str = "") -> None:
        if not self._settings.rate_limits:
            return
        try:
            state = await self._acquire(RateLimitItemPerHour(limit).key_for(kind, key), limit, hits, kind)
        except StorageError as error:
            log.warning("rate limits: %s", type(error.storage_error).__name__)
            return
        now = self._clock().timestamp()
        if state.refused or not unit:
            request.scope.setdefault("sterna.headers", {}).update(state.headers(now))
        if state.refused:
            self._refusals(kind)
            if state.is_flood:
                await asyncio.sleep(FLOOD_SECONDS)
            raise ApiError(
                "rate_limit_exceeded",
                "Rate limit exceeded",
                details=f"The limit is {limit} {unit or 'requests'} an hour.",
                retry_after=state.wait(now),
                suggestions=["Wait as long as Retry-After says, then try again."],
            )

    async def _acquire(self, key: str, limit: int, hits: int, kind: str) -> Remaining:
        if not limit:
            return Remaining(0, 0, self._clock().timestamp() + HOUR, refused=True)
        is_flood = False
        taken = await self._store.acquire_entry(key, limit, HOUR, hits)
        if taken and kind == BY_ADDRESS and self._shared is not None:
            # for attempts at passwords the requests that other servers accepted in this second count too
            taken = await self._shared.is_within_limit(key, limit, HOUR)
        elif not taken:
            # recorded in any case; twice the limit bounds the memory of a flood
            is_flood = not await self._store.acquire_entry(key, 2 * limit, HOUR, hits)
        start, count = await self._store.get_moving_window(key, limit, HOUR)
        return Remaining(limit, max(0, limit - count), start + HOUR, refused=not taken, is_flood=is_flood)
