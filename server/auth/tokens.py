"""Access tokens: made, and believed or not.

The algorithm is never the token's choice: this server's own are HS256 with its secret, and of another sign-in HS256
with that one's secret, or RS256 and ES256 with a key of the matching kind from its JWKS. ``kid`` chooses among those
keys and nothing else of the header is used. Clocks get no leeway.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from jwt.types import Options

from ..clock import Clock
from ..errors import ApiError, unavailable
from ..identity import Identity
from ..settings import ServerSettings
from .csrf import Tickets
from .jwks import ASYMMETRIC, Jwks

LONGEST = 8192
"""In characters; longer ones are not looked at."""

MOST_VERIFIED = 2_000
"""Tokens whose signature is remembered: some megabytes at the most."""

FOREVER = 2**53
"""Seconds since 1970 that are a mistake."""

OWN_AUDIENCE = "authenticated"
UNCHECKED: Options = {"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


@dataclass(frozen=True, slots=True)
class Believed:
    """A token that was verified."""

    identity: Identity
    is_external: bool = False
    """Of another sign-in, whose people get their row here when they first come."""


class Tokens:
    """Signs this server's access tokens and verifies those it accepts."""

    def __init__(self, settings: ServerSettings, secret: str, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.use(secret)
        self._jwks = Jwks(settings.external.jwks_url, clock)

    def pseudonym(self, name: str) -> str:
        """Return what stands for ``name`` where it is written down; the same at every server with this secret."""
        return hmac.digest(self._secret.encode(), name.encode("utf-8", "replace"), "sha256").hex()[:32]

    def use(self, secret: str) -> None:
        """Sign and verify with ``secret`` from now on; with "" nothing can be said of any token."""
        self._secret = secret
        self._verified: dict[str, Identity] = {}
        self.tickets = Tickets(secret, self._clock)

    def access(self, user_id: UUID, email: str, session: UUID | None = None, signed_in: datetime | None = None) -> str:
        """Return a signed token: sub, role, email, iat, exp, aud, and the sign-in it belongs to.

        Other servers that believe it learn from ``auth_time`` how fresh that sign-in is. See
        docs/specification/endpoints.md#authentication.
        """
        if not self._secret:
            raise unavailable()
        now = self._clock()
        claims = {
            "sub": str(user_id),
            "role": "authenticated",
            "aud": OWN_AUDIENCE,
            "email": email,
            "iat": now,
            "exp": now + timedelta(seconds=self._settings.access_seconds),
        }
        if session is not None:
            claims["session_id"] = str(session)
        if signed_in is not None:
            claims["auth_time"] = int(signed_in.timestamp())
        return jwt.encode(claims, self._secret, "HS256")

    def identity(self, token: str) -> Identity:
        """Who a token of this server speaks for. Raises ApiError token_invalid or token_expired, and
        service_unavailable while there is no secret.
        """
        if not self._secret:
            raise unavailable()
        if len(token) > LONGEST:
            raise invalid()
        # each request looks twice, and a device comes again: its signature is worked out once
        if (found := self._verified.get(token)) is None:
            found = self._read(token, self._secret, ["HS256"], OWN_AUDIENCE, "")
            if len(self._verified) >= MOST_VERIFIED:
                self._verified.clear()
            self._verified[token] = found
        self._check_time(found.claims)
        return found

    async def believe(self, token: str) -> Believed:
        """Who a token speaks for, whoever signed it. Raises ApiError token_invalid or token_expired."""
        try:
            return Believed(self.identity(token))
        except ApiError as error:
            if error.code in ("token_expired", "service_unavailable") or len(token) > LONGEST:
                raise
        return Believed(await self._external(token), is_external=True)

    async def _external(self, token: str) -> Identity:
        external = self._settings.external
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise invalid() from None
        algorithm = str(header.get("alg"))
        if algorithm == "HS256" and external.secret:
            return self._read(token, external.secret, ["HS256"], external.audience, external.issuer)
        if algorithm in ASYMMETRIC and external.jwks_url:
            key = await self._jwks.key(algorithm, header.get("kid"))
            if key is not None:
                return self._read(token, key, [algorithm], external.audience, external.issuer)
        raise invalid()

    def _read(self, token: str, key: Any, algorithms: Sequence[str], audience: str, issuer: str) -> Identity:
        try:
            claims = jwt.decode(
                token, key, list(algorithms), audience=audience, issuer=issuer or None, options=UNCHECKED
            )
            user_id = UUID(claims["sub"])
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise invalid() from None
        # service_role and anon are PostgreSQL's; no token is ever more than somebody
        if claims.get("role", "authenticated") != "authenticated":
            raise invalid()
        self._check_time(claims)
        return Identity("authenticated", user_id, _email(claims), claims)

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        ends, starts, now = claims["exp"], claims.get("nbf", 0), self._clock().timestamp()
        if not _is_time(ends) or not _is_time(starts) or now < starts:
            raise invalid()
        if now >= ends:
            raise ApiError("token_expired", "This sign-in has ended. Refresh it or sign in again.")


def invalid() -> ApiError:
    """Why it is not believed is nobody's business."""
    return ApiError("token_invalid", "This sign-in is not valid here. Sign in again.")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FOREVER


def _email(claims: Mapping[str, Any]) -> str:
    found = claims.get("email")
    return found if isinstance(found, str) and found.isprintable() else ""
