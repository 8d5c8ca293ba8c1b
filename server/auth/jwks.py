"""Public keys of an external sign-in, fetched when a token first needs them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import httpx
import jwt

from sterna.net import Limits, TooLarge, Unreadable, open_client, parse_json, proxy_for, read_body

from ..clock import Clock

ASYMMETRIC: Mapping[str, str] = MappingProxyType({"RS256": "RSA", "ES256": "EC"})
"""Key type by algorithm. Shared secrets in a key set are ignored, because their type is not listed."""

MIN_INTERVAL = timedelta(minutes=1)
"""Shortest time between two fetches, so that invented key ids do not cause requests."""

MAX_AGE = timedelta(hours=1)
"""Age at which the set is fetched again; the old keys stay in use when that fails."""

MAX_BYTES = 256 * 1024
TIMEOUT = 20.0
"""Seconds for one complete fetch."""
ACCEPT = {"accept": "application/json"}

log = logging.getLogger("sterna.server")


class Jwks:
    """Keys of the set at ``url``."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[tuple[str, str], Any] = {}
        self._requested: datetime | None = None
        self._fetched: datetime | None = None
        self._lock = asyncio.Lock()

    async def key(self, algorithm: str, kid: object) -> Any | None:
        """Return the key with this id for ``algorithm``; without an id, the only key."""
        if not self._url:
            return None
        if self._known(algorithm, kid) is None or self._is_stale():
            async with self._lock:
                if (self._known(algorithm, kid) is None or self._is_stale()) and self._may_fetch():
                    await self._fetch()
        return self._known(algorithm, kid)

    def _known(self, algorithm: str, kid: object) -> Any | None:
        if isinstance(kid, str):
            return self._keys.get((algorithm, kid))
        matching = [key for (own, _), key in self._keys.items() if own == algorithm]
        return matching[0] if kid is None and len(matching) == 1 else None

    def _is_stale(self) -> bool:
        return self._fetched is None or self._clock() - self._fetched >= MAX_AGE

    def _may_fetch(self) -> bool:
        return self._requested is None or self._clock() - self._requested >= MIN_INTERVAL

    async def _fetch(self) -> None:
        self._requested = self._clock()
        try:
            limits = Limits(connect=5.0, read=5.0, write=5.0)
            client = await asyncio.to_thread(open_client, self._url, limits=limits, proxy=proxy_for(self._url))
            async with asyncio.timeout(TIMEOUT), client, client.stream("GET", self._url, headers=ACCEPT) as response:
                response.raise_for_status()
                body = await read_body(response, MAX_BYTES)
            keys = parse_json(body)["keys"]
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            OSError,
            TooLarge,
            Unreadable,
            ValueError,
            KeyError,
            TypeError,
        ) as error:
            log.warning("keys of the external sign-in: %s", type(error).__name__)
            return
        if not isinstance(keys, list):
            log.warning("keys of the external sign-in: not a key set")
            return
        self._keys = dict(pair for key in keys if (pair := _usable(key)))
        self._fetched = self._requested


def _usable(data: object) -> tuple[tuple[str, str], Any] | None:
    if not isinstance(data, dict) or data.get("use", "sig") != "sig":
        return None
    for algorithm, kind in ASYMMETRIC.items():
        if data.get("kty") != kind or data.get("alg", algorithm) != algorithm:
            continue
        if kind == "EC" and data.get("crv") != "P-256":
            continue
        try:
            public = {name: value for name, value in data.items() if name in ("kty", "n", "e", "crv", "x", "y")}
            key = jwt.PyJWK(public, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return (algorithm, str(data.get("kid", ""))), key
    return None
