"""Access tokens: signing and verification.

A token never chooses its algorithm: this server's own tokens use HS256 with its secret, those of an external sign-in
HS256 with its secret, or RS256 and ES256 with a key of the right type from its JWKS. ``kid`` selects one of those keys;
nothing else of the header is used. Clocks get no leeway.
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
from .csrf import CsrfTokens
from .jwks import ASYMMETRIC, Jwks

MAX_LENGTH = 8192
"""Characters of a token; longer ones are refused unread."""

MAX_CACHED = 2_000
"""Verified tokens that are cached: a few megabytes at most."""

MAX_TIME = 2**53
"""Seconds since 1970 from which on a time is invalid."""

OWN_AUDIENCE = "authenticated"
UNCHECKED: Options = {"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A verified token."""

    identity: Identity
    is_external: bool = False
    """True for a token of an external sign-in, whose accounts are created here at their first request."""


class Tokens:
    """Access tokens of this server and of the external sign-in."""

    def __init__(self, settings: ServerSettings, secret: str, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.use(secret)
        self._jwks = Jwks(settings.external.jwks_url, clock)

    def pseudonym(self, name: str) -> str:
        """Return a stand-in for ``name`` in storage, the same on every server with this secret."""
        return hmac.digest(self._secret.encode(), name.encode("utf-8", "replace"), "sha256").hex()[:32]

    def use(self, secret: str) -> None:
        """Sign and verify with ``secret`` from now on; with "" neither is possible."""
        self._secret = secret
        self._verified: dict[str, Identity] = {}
        self.csrf = CsrfTokens(secret, self._clock)

    def access(self, user_id: UUID, email: str, session: UUID | None = None, signed_in: datetime | None = None) -> str:
        """Return a signed token with sub, role, email, iat, exp, aud and the session it belongs to.

        ``auth_time`` tells other servers that accept the token how old its sign-in is. See
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
        """Return the identity in a token of this server.

        Raises ApiError token_invalid or token_expired, and service_unavailable while there is no secret.
        """
        if not self._secret:
            raise unavailable()
        if len(token) > MAX_LENGTH:
            raise invalid()
        # each request verifies twice, and devices repeat their tokens, so signatures are cached
        if (identity := self._verified.get(token)) is None:
            identity = self._read(token, self._secret, ["HS256"], OWN_AUDIENCE, "")
            if len(self._verified) >= MAX_CACHED:
                self._verified.clear()
            self._verified[token] = identity
        self._check_time(identity.claims)
        return identity

    async def verify(self, token: str) -> VerifiedToken:
        """Return the identity in a token of any accepted sign-in. Raises ApiError token_invalid or token_expired."""
        try:
            return VerifiedToken(self.identity(token))
        except ApiError as error:
            if error.code in ("token_expired", "service_unavailable") or len(token) > MAX_LENGTH:
                raise
        return VerifiedToken(await self._external(token), is_external=True)

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
        # no token can act as service_role or anon
        if claims.get("role", "authenticated") != "authenticated":
            raise invalid()
        self._check_time(claims)
        return Identity("authenticated", user_id, _email(claims), claims)

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        expires, starts, now = claims["exp"], claims.get("nbf", 0), self._clock().timestamp()
        if not _is_time(expires) or not _is_time(starts) or now < starts:
            raise invalid()
        if now >= expires:
            raise ApiError("token_expired", "This session has expired. Refresh it or sign in again.")


def invalid() -> ApiError:
    """Return the error for an invalid token, which does not tell the reason."""
    return ApiError("token_invalid", "This access token is not valid. Sign in again.")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_TIME


def _email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    return email if isinstance(email, str) and email.isprintable() else ""
