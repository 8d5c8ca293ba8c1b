"""Dependencies of endpoints: the services, the caller, and the rate limit of a route.

``caller: User`` needs a sign-in. ``caller: Guest`` does not, but refuses disabled accounts. ``caller: Anyone`` takes
everybody.

A token comes in the cookies of a web client or as Bearer, and is looked for in this order. An invalid token speaks for
nobody, and so does a cookie that a foreign page made the browser send. For a valid token that has expired ``details``
holds ``token_expired``, which tells clients that a refresh is enough. A disabled account has a code of its own,
``account_banned``: another sign-in would not help. See docs/specification/endpoints.md#authentication.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import Depends, Request

from .auth import accounts, cookies
from .auth.errors import Refusal
from .auth.tokens import VerifiedToken
from .database.pool import Connection
from .errors import ApiError
from .http.rate_limits import BY_ADDRESS, Class
from .identity import NOBODY, SERVER, Caller, Identity
from .services import Services

MAX_COOKIE_TOKENS = 4
"""Sessions that are tried of the cookies of one request."""

DISABLED = ""
"""Tier of a disabled account."""

log = logging.getLogger("sterna.server")

_rate_limits: set[Any] = set()


async def get_services(request: Request) -> Services:
    """Return the services of the application. Asynchronous because FastAPI would run a plain function in a thread."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


async def anyone(request: Request, services: ServicesDep) -> Caller:
    """Return the caller that the token names; an invalid token names nobody."""
    async for verified in _verified_tokens(request, services):
        tier = await _tier(services, verified)
        if tier == DISABLED:
            request.state.token_problem = "account_banned"
        elif tier is not None:
            request.scope["sterna.user"] = verified.identity.user_id
            return Caller(verified.identity, tier, verified.is_external)
    return Caller(NOBODY)


async def owner(request: Request, services: Services) -> UUID | None:
    """Return the account of the request's token, without asking the database; None without a valid token."""
    async for verified in _verified_tokens(request, services):
        return verified.identity.user_id
    return None


async def _verified_tokens(request: Request, services: Services) -> AsyncIterator[VerifiedToken]:
    """Yield the valid tokens of a request, in order of precedence."""
    for token in _tokens(request, services.settings.public_url):
        try:
            yield await services.tokens.verify(token)
        except ApiError as error:
            if error.status >= 500:
                raise
            if error.code == "token_expired":
                request.state.token_problem = error.code


def _tokens(request: Request, public_url: str) -> Iterator[str]:
    if request.cookies and cookies.is_from_here(request.method, request.headers, public_url):
        yield from islice(cookies.access_tokens(request.cookies), MAX_COOKIE_TOKENS)
    if token := bearer(request):
        yield token


def bearer(request: Request) -> str:
    """Return the token of ``Authorization: Bearer``; "" without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _tier(services: Services, verified: VerifiedToken) -> str | None:
    """Return the tier of an account, DISABLED, or None when there is no such account."""
    identity, user_id = verified.identity, verified.identity.user_id
    assert user_id is not None
    session = None if verified.is_external else session_of(identity)
    tier = await services.database.account_tier(user_id, services.clock(), session)
    if tier is None and verified.is_external:
        try:
            await _create_external_account(services, identity, user_id)
        except Refusal as error:
            log.warning("account %s of the external sign-in was not created: %s", user_id, error.code)
            return None
        tier = await services.database.account_tier(user_id, services.clock())
        if tier is None:
            # an email never links accounts: the account that has it may be somebody else's
            log.warning("account %s of the external sign-in was not created: its email is in use", user_id)
    return tier


async def _create_external_account(services: Services, identity: Identity, user_id: UUID) -> None:
    """Create the account of somebody who signs in elsewhere. Raises Refusal for unusable claims."""

    async def work(connection: Connection) -> None:
        email = identity.email.strip().lower() or f"{user_id}@users.invalid"
        metadata = identity.claims.get("user_metadata")
        data = accounts.checked_metadata(metadata if isinstance(metadata, dict) else None)
        address = accounts.normalized_email(email)
        await accounts.create(connection, address, None, data, services.clock(), user_id=user_id)

    await services.database.write(SERVER, work)


def session_of(identity: Identity) -> str | None:
    """Return the session that a token of this server belongs to; None for a token that an operator signed by hand."""
    session = identity.claims.get("session_id")
    return None if session is None else str(session)


async def is_signed_in(caller: Caller, services: Services) -> bool:
    """Return whether the caller's session still exists; for requests that take long."""
    session = None if caller.is_external else session_of(caller.identity)
    return bool(await services.database.account_tier(caller.user_id, services.clock(), session))


Anyone = Annotated[Caller, Depends(anyone)]


async def guest(request: Request, caller: Anyone) -> Caller:
    """Return the caller unless their account is disabled. Raises account_banned."""
    if caller.identity.user_id is None and getattr(request.state, "token_problem", None) == "account_banned":
        raise ApiError("account_banned", "This account is disabled. Contact the server administrator.")
    return caller


Guest = Annotated[Caller, Depends(guest)]


async def user(request: Request, caller: Guest) -> Caller:
    """Return the signed-in caller. Raises auth_required."""
    if caller.identity.user_id is None:
        raise ApiError(
            "auth_required",
            "Authentication is required for this operation",
            details=getattr(request.state, "token_problem", None),
            suggestions=["Sign in, and send the access token as Authorization: Bearer."],
        )
    return caller


User = Annotated[Caller, Depends(user)]


def limited(kind: Class, *, devices: bool = False) -> Any:
    """Return a dependency that counts the requests of a route or router as ``kind``.

    With ``devices``, requests that name a device count as ``S``. A route that handles such a request like any other
    counts ``kind`` itself.
    """
    assert kind in get_args(Class)

    async def count(request: Request, caller: Anyone, services: ServicesDep) -> None:
        is_device = devices and "sync-client" in request.headers and caller.identity.user_id is not None
        await services.limits.count(request, caller, "S" if is_device else kind)

    async def count_address(request: Request, services: ServicesDep) -> None:
        await services.limits.count(request, Caller(), kind)

    dependency = count_address if kind == BY_ADDRESS else count
    _rate_limits.add(dependency)
    return Depends(dependency)


def is_rate_limit(dependency: Any) -> bool:
    """Return whether a function was made by :func:`limited`."""
    return dependency in _rate_limits
