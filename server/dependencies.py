"""Who calls, found out once a request: ``caller: User`` where a sign-in is needed, ``caller: Guest`` where it is not
but an account that is shut is turned away, ``caller: Anyone`` elsewhere.

A token comes in the cookies of upstream's web client or as Bearer, looked at in this order (contract 6.0). One that is
not valid speaks for nobody, and so does a cookie that a foreign page made the browser send. That a token was valid and
has ended is told in ``details``: the code stays the contract's, and the client knows that a refresh is enough. That an
account is shut has a code of its own, account_banned: another sign-in would not help.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from .auth import accounts, cookies
from .auth.errors import Refusal
from .auth.tokens import Believed
from .database.pool import Connection
from .errors import ApiError
from .identity import NOBODY, SERVER, Caller, Identity
from .services import Parts, Services

COOKIES = 4
"""Sign-ins that are looked at in the cookies of one request."""

SHUT = ""
"""Instead of a tier."""

log = logging.getLogger("sterna.server")


async def anyone(request: Request, parts: Parts) -> Caller:
    """Whoever the token speaks for; a token that is not valid speaks for nobody (contract 6.0)."""
    async for believed in _believed(request, parts):
        tier = await _tier(parts, believed)
        if tier == SHUT:
            request.state.token_problem = "account_banned"
        elif tier is not None:
            request.scope["sterna.user"] = believed.identity.user_id
            return Caller(believed.identity, tier, believed.is_external)
    return Caller(NOBODY)


async def owner(request: Request, parts: Services) -> UUID | None:
    """Whose token came along, if this server believes one; asks no database."""
    async for believed in _believed(request, parts):
        return believed.identity.user_id
    return None


async def _believed(request: Request, parts: Services) -> AsyncIterator[Believed]:
    """The tokens that came along and are valid, in the order in which they are looked at."""
    for token in _tokens(request, parts.settings.public_url):
        try:
            yield await parts.tokens.believe(token)
        except ApiError as error:
            if error.status >= 500:
                raise
            if error.code == "token_expired":
                request.state.token_problem = error.code


def _tokens(request: Request, public_url: str) -> Iterator[str]:
    if request.cookies and cookies.is_from_here(request.method, request.headers, public_url):
        yield from islice(cookies.access_tokens(request.cookies), COOKIES)
    if token := bearer(request):
        yield token


def bearer(request: Request) -> str:
    """What was sent as ``Authorization: Bearer``; "" when nothing was."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _tier(parts: Parts, believed: Believed) -> str | None:
    """The tier of an account, SHUT, or None when there is no such account."""
    who, user_id = believed.identity, believed.identity.user_id
    assert user_id is not None

    async def welcome(connection: Connection) -> None:
        email = who.email.strip().lower() or f"{user_id}@users.invalid"
        told = who.claims.get("user_metadata")
        data = accounts.checked_data(told if isinstance(told, dict) else None)
        address = accounts.email_of(email)
        await accounts.create(connection, address, None, data, parts.clock(), user_id=user_id)

    session = None if believed.is_external else session_of(who)
    found = await parts.database.standing(user_id, parts.clock(), session)
    if found is None and believed.is_external:
        try:
            await parts.database.write(SERVER, welcome)
        except Refusal as error:
            log.warning("account %s of the external sign-in was not made: %s", user_id, error.code)
            return None
        found = await parts.database.standing(user_id, parts.clock())
        if found is None:
            # an email links nobody to an account here: whoever made that one may be somebody else
            log.warning("account %s of the external sign-in has no row: its email is another account's", user_id)
    return found


def session_of(who: Identity) -> str | None:
    """Return the sign-in that a token of this server belongs to; None for one that an operator has signed by hand."""
    session = who.claims.get("session_id")
    return None if session is None else str(session)


async def is_signed_in(caller: Caller, parts: Services) -> bool:
    """Whether the caller still is, after a while; what takes long asks again."""
    session = None if caller.is_external else session_of(caller.identity)
    return bool(await parts.database.standing(caller.user_id, parts.clock(), session))


Anyone = Annotated[Caller, Depends(anyone)]


async def guest(request: Request, caller: Anyone) -> Caller:
    """Anyone but somebody whose account is shut; raises account_banned (contract 6.0)."""
    if caller.identity.user_id is None and getattr(request.state, "token_problem", None) == "account_banned":
        raise ApiError("account_banned", "This account is shut. Whoever runs this server can open it again.")
    return caller


Guest = Annotated[Caller, Depends(guest)]


async def user(request: Request, caller: Guest) -> Caller:
    """Somebody who signed in; raises auth_required."""
    if caller.identity.user_id is None:
        raise ApiError(
            "auth_required",
            "Authentication is required for this operation",
            details=getattr(request.state, "token_problem", None),
            suggestions=["Sign in, and send the access token as Authorization: Bearer."],
        )
    return caller


User = Annotated[Caller, Depends(user)]
