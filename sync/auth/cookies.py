"""The cookie form of a sign-in: what a request to an upstream server carries, and what its answers renew.

Upstream's handlers talk to their database with the cookies of the request and with nothing else, so a token in a header
is not enough there. Whoever answers may renew the sign-in; the tokens before are then spent, so what an answer sets is
kept before anything else is asked. See docs/specification/endpoints.md#cookie-sign-in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import SIGN_IN_AGAIN, BadAddress, SignInNeeded
from ..wire.cookies import NAME, kept_sessions, session_cookies
from .gotrue import Tokens

if TYPE_CHECKING:
    from .token_session import KeptSession


def cookie_name(supabase_url: str) -> str:
    """The name of the sign-in's cookie: it carries the first label of the sign-in server's host."""
    host = urlsplit(supabase_url).hostname or ""
    name = f"sb-{host.partition('.')[0]}-auth-token"
    if not host or NAME.fullmatch(name) is None:
        raise BadAddress("sync.supabase_url is no address of a sign-in server. Give one as in https://abc.supabase.co")
    return name


def cookie_header(name: str, session: Mapping[str, Any]) -> str:
    """The value of the header ``Cookie`` that carries a session."""
    return "; ".join(f"{one}={value}" for one, value in session_cookies(name, session).items())


def renewed(name: str, session: Mapping[str, Any], set_cookies: Iterable[str]) -> Mapping[str, Any] | None:
    """The session as an answer's ``Set-Cookie`` headers leave it; None where they leave it as it was.

    An empty one: the server has ended it. Cookies of other names are not looked at.
    """
    jar = session_cookies(name, session)
    heard = False
    for header in set_cookies:
        pair, *attributes = header.split(";")
        cookie, _, value = (part.strip() for part in pair.partition("="))
        match = NAME.fullmatch(cookie)
        if match is None or match[1] != name:
            continue
        heard = True
        jar.pop(cookie, None)
        if value and not _is_past(attributes):
            jar[cookie] = value
    if not heard:
        return None
    found = dict(kept_sessions(jar)).get(name, {})
    return None if found == session else found


def tokens_of(session: Mapping[str, Any], now: float) -> Tokens | None:
    """A cookie's session as a sign-in to be kept; None where it is none."""
    user = session.get("user")
    access, refresh = session.get("access_token"), session.get("refresh_token")
    if not isinstance(access, str) or not isinstance(refresh, str) or not isinstance(user, Mapping):
        return None
    if not access or not refresh or not isinstance(user.get("id"), str):
        return None
    until, seconds, email = session.get("expires_at"), session.get("expires_in"), user.get("email")
    if isinstance(until, (int, float)):
        seconds = until - now
    left = seconds if isinstance(seconds, (int, float)) else 0
    return Tokens(user["id"], email if isinstance(email, str) else "", access, refresh, max(int(left), 1), session)


class CookieAuth:
    """The credentials of every request to an upstream server, for one account's sign-in."""

    def __init__(self, kept: KeptSession, supabase_url: str) -> None:
        self._kept = kept
        self._name = cookie_name(supabase_url)

    async def headers(self) -> dict[str, str]:
        """What a request carries. Raises as :meth:`~sync.session.Session.token` does."""
        await self._kept.token()  # renews it in time, so that the server need not
        session = (await self._kept.kept()).raw
        if session is None:
            raise SignInNeeded(f"The sign-in that is kept is not one for this kind of server. {SIGN_IN_AGAIN}")
        return {"cookie": cookie_header(self._name, session)}

    async def renewed(self) -> dict[str, str]:
        """The same anew, after the server has refused what it was given."""
        await self._kept.refresh()
        return await self.headers()

    async def heard(self, set_cookies: Sequence[str], now: float) -> bool:
        """Keep what an answer renewed; False when it ended the sign-in."""
        session = (await self._kept.kept()).raw or {}
        left = renewed(self._name, session, set_cookies)
        if left is None:
            return True
        tokens = tokens_of(left, now)
        if tokens is None:
            return bool(left)  # what cannot be read is not kept; the next request tells
        await self._kept.replace(tokens)
        return True


def _is_past(attributes: Sequence[str]) -> bool:
    """Whether a cookie's attributes take it away. Which way a date lies is told by 1970, not by this clock."""
    for attribute in attributes:
        key, _, value = (part.strip() for part in attribute.partition("="))
        if key.lower() == "max-age":
            return value.startswith(("0", "-"))
    for attribute in attributes:
        key, _, value = (part.strip() for part in attribute.partition("="))
        if key.lower() == "expires":
            try:
                return parsedate_to_datetime(value).year <= 1971
            except (ValueError, TypeError, IndexError):
                return False
    return False
