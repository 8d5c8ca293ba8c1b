"""Sign-in by cookies, as upstream servers require it.

Upstream's handlers pass the cookies of the request to their database, so a token in a header is not enough. A response
may renew the sign-in, which invalidates the tokens before it; so its cookies are stored before the next request.

See docs/specification/endpoints.md#cookie-sign-in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import SIGN_IN_AGAIN, BadAddress, SignInNeeded
from ..wire.cookies import NAME, cookie_sessions, session_cookies
from .gotrue import Tokens

if TYPE_CHECKING:
    from .token_session import StoredTokenSession


def cookie_name(supabase_url: str) -> str:
    """Return the name of the sign-in's cookie, which contains the first label of the sign-in server's host."""
    host = urlsplit(supabase_url).hostname or ""
    name = f"sb-{host.partition('.')[0]}-auth-token"
    if not host or NAME.fullmatch(name) is None:
        raise BadAddress("sync.supabase_url is no address of a sign-in server. Use the form https://abc.supabase.co")
    return name


def cookie_header(name: str, session: Mapping[str, Any]) -> str:
    """Return the value of the header ``Cookie`` for a session."""
    return "; ".join(f"{cookie}={value}" for cookie, value in session_cookies(name, session).items())


def updated_session(name: str, session: Mapping[str, Any], set_cookies: Iterable[str]) -> Mapping[str, Any] | None:
    """Return the session after the ``Set-Cookie`` headers of a response; None where they do not change it.

    An empty session means that the server has ended it. Cookies of other names are ignored.
    """
    jar = session_cookies(name, session)
    is_set = False
    for header in set_cookies:
        pair, *attributes = header.split(";")
        cookie, _, value = (part.strip() for part in pair.partition("="))
        match = NAME.fullmatch(cookie)
        if match is None or match[1] != name:
            continue
        is_set = True
        jar.pop(cookie, None)
        if value and not _is_past(attributes):
            jar[cookie] = value
    if not is_set:
        return None
    result = dict(cookie_sessions(jar)).get(name, {})
    return None if result == session else result


def tokens_of(session: Mapping[str, Any], now: float) -> Tokens | None:
    """Return a cookie's session as tokens; None where it holds none."""
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
    """Cookies of one account's sign-in, as credentials of requests to an upstream server."""

    def __init__(self, session: StoredTokenSession, supabase_url: str) -> None:
        self._session = session
        self._name = cookie_name(supabase_url)

    async def headers(self) -> dict[str, str]:
        """Return the headers of a request. Raises as :meth:`~.token_session.TokenSession.token` does."""
        await self._session.token()  # renews it in time, so that the server need not
        session = (await self._session.stored()).raw
        if session is None:
            raise SignInNeeded(f"The stored sign-in is not for an upstream server. {SIGN_IN_AGAIN}")
        return {"cookie": cookie_header(self._name, session)}

    async def renew(self) -> dict[str, str]:
        """Renew the sign-in after a 401, and return the new headers."""
        await self._session.refresh()
        return await self.headers()

    async def store_cookies(self, set_cookies: Sequence[str], now: float) -> bool:
        """Store a session that a response renewed. Return False when the response ended the sign-in."""
        session = (await self._session.stored()).raw or {}
        left = updated_session(self._name, session, set_cookies)
        if left is None:
            return True
        tokens = tokens_of(left, now)
        if tokens is None:
            return bool(left)  # an unreadable session is not stored; the next request will show
        await self._session.replace(tokens)
        return True


def _is_past(attributes: Sequence[str]) -> bool:
    """Return whether a cookie's attributes delete it. Dates are compared with 1970, because this clock may be wrong."""
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
