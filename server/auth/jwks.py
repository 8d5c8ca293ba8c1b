"""Public keys of another sign-in, fetched when a token first needs them: the server starts when their host is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import httpx
import jwt

from sterna.net import Limits, TooLarge, Unreadable, open_client, parse_json, proxy_for, whole

from ..clock import Clock

ASYMMETRIC: Mapping[str, str] = MappingProxyType({"RS256": "RSA", "ES256": "EC"})
"""Algorithm → kind of key. A key set that holds a shared secret gives none: its kind is in no pair."""

PAUSE = timedelta(minutes=1)
"""Between two fetches, whatever the first brought, so that made-up key ids do not become requests."""

KEPT = timedelta(hours=1)
"""After that the set is fetched anew; one that does not come leaves the old keys in use."""

LARGEST = 256 * 1024
FETCH = 20.0
"""Seconds for one fetch, however slowly it drips."""
ACCEPT = {"accept": "application/json"}

log = logging.getLogger("sterna.server")


class Jwks:
    """The keys at ``url``, by id."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[tuple[str, str], Any] = {}
        self._asked: datetime | None = None
        self._fetched: datetime | None = None
        self._lock = asyncio.Lock()

    async def key(self, algorithm: str, kid: object) -> Any | None:
        """The key that ``algorithm`` takes with this id; without an id, the only one there is."""
        if not self._url:
            return None
        if self._known(algorithm, kid) is None or self._is_old():
            async with self._lock:
                if (self._known(algorithm, kid) is None or self._is_old()) and self._may_ask():
                    await self._fetch()
        return self._known(algorithm, kid)

    def _known(self, algorithm: str, kid: object) -> Any | None:
        if isinstance(kid, str):
            return self._keys.get((algorithm, kid))
        fitting = [key for (of, _), key in self._keys.items() if of == algorithm]
        return fitting[0] if kid is None and len(fitting) == 1 else None

    def _is_old(self) -> bool:
        return self._fetched is None or self._clock() - self._fetched >= KEPT

    def _may_ask(self) -> bool:
        return self._asked is None or self._clock() - self._asked >= PAUSE

    async def _fetch(self) -> None:
        self._asked = self._clock()
        try:
            limits = Limits(connect=5.0, read=5.0, write=5.0)
            client = await asyncio.to_thread(open_client, self._url, limits=limits, proxy=proxy_for(self._url))
            async with asyncio.timeout(FETCH), client, client.stream("GET", self._url, headers=ACCEPT) as answer:
                answer.raise_for_status()
                body = await whole(answer, LARGEST)
            found = parse_json(body)["keys"]
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
        if not isinstance(found, list):
            log.warning("keys of the external sign-in: not a key set")
            return
        self._keys = dict(pair for one in found if (pair := _usable(one)))
        self._fetched = self._asked


def _usable(told: object) -> tuple[tuple[str, str], Any] | None:
    if not isinstance(told, dict) or told.get("use", "sig") != "sig":
        return None
    for algorithm, kind in ASYMMETRIC.items():
        if told.get("kty") != kind or told.get("alg", algorithm) != algorithm:
            continue
        if kind == "EC" and told.get("crv") != "P-256":
            continue
        try:
            public = {name: value for name, value in told.items() if name in ("kty", "n", "e", "crv", "x", "y")}
            key = jwt.PyJWK(public, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return (algorithm, str(told.get("kid", ""))), key
    return None
