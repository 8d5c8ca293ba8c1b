"""Client of the sign-in endpoints of a Sterna server and of Supabase, with their errors as sentences.

See docs/specification/endpoints.md#sign-in.

Bodies are read up to a limit and validated. Redirects are not followed: a password or a token goes to its own origin
only.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeGuard
from uuid import UUID

from sterna.net import TooLarge, Unreadable, read_body, request_errors

from ..errors import (
    SIGN_IN_AGAIN,
    AccountDisabled,
    AccountExists,
    CannotReach,
    CodeExpired,
    NotASternaServer,
    Refused,
    SignInDenied,
    SignInError,
    SignInNeeded,
    SignupClosed,
    WrongPassword,
)
from ..network.client import open_client
from ..network.errors import unreachable
from ..network.server_address import Server

if TYPE_CHECKING:
    import httpx

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
LIMIT = 60.0
"""Seconds for one request, however slowly its response arrives."""
LARGEST = 256 * 1024
"""Most bytes of a response; a session has a few thousand."""
LONGEST = 16 * 1024
"""Most characters of a token."""
CODE_EXPIRED = "The code was not approved in time. Start again."


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens and identity of a sign-in, as the server issued them."""

    user_id: str
    email: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int
    """Lifetime of the access token in seconds."""
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """Whole response; upstream's cookies are built from it."""
    server_id: str = ""
    """Id of the server, independent of its address; empty where it has none."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """Code that the terminal shows, and the secret that it polls with."""

    device: str = field(repr=False)
    user: str
    page: str
    page_with_code: str
    seconds: int
    interval: float


class SignInServer:
    """Sign-in endpoints of one server. Every method raises :class:`SignInError`."""

    def __init__(self, server: Server, *, prefix: str = "/auth/v1", anon_key: str = "") -> None:
        self.server = server
        self._prefix = prefix
        self._anon_key = anon_key

    async def password(self, email: str, password: str) -> Tokens:
        """Sign in with a password."""
        body = {"email": email, "password": password}
        return self._tokens(await self._ask("POST", "/token", {"grant_type": "password"}, body))

    async def create(self, email: str, password: str, invitation: str = "") -> Tokens:
        """Create an account and sign in."""
        body = {"email": email, "password": password} | ({"invitation": invitation} if invitation else {})
        answer = await self._ask("POST", "/signup", {}, body)
        if "access_token" not in answer and ("id" in answer or isinstance(answer.get("user"), Mapping)):
            raise Refused(f"{self.server.host} has sent you an email. Confirm your address with it, then sign in.")
        return self._tokens(answer)

    async def device_code(self) -> DeviceCode:
        """Start a sign-in that is approved in a browser."""
        answer = await self._ask("POST", "/device/code", {}, {})
        texts = [answer.get(name) for name in ("device_code", "user_code", "verification_uri")]
        seconds, interval = answer.get("expires_in"), answer.get("interval", 5)
        if not all(isinstance(text, str) and 0 < len(text) <= 1000 and text.isprintable() for text in texts):
            raise self._unexpected()
        if not _is_number(seconds) or not _is_number(interval) or seconds <= 0 or interval < 0:
            raise self._unexpected()
        whole = answer.get("verification_uri_complete")
        device, user, page = map(str, texts)
        return DeviceCode(device, user, page, whole if isinstance(whole, str) else page, int(seconds), float(interval))

    async def device_token(self, code: DeviceCode) -> Tokens | Literal["pending", "slow_down"]:
        """Return the tokens once the code is approved, else why there are none yet."""
        body = {"grant_type": DEVICE_GRANT, "device_code": code.device}
        answer = await self._ask("POST", "/token", {}, body, waits=True)
        waiting = answer.get("error")
        if waiting in ("authorization_pending", "slow_down"):
            return "pending" if waiting == "authorization_pending" else "slow_down"
        return self._tokens(answer)

    async def refresh(self, token: str) -> Tokens:
        """Exchange a refresh token.

        Raises :class:`SignInNeeded` when the sign-in has ended, :class:`CannotReach` when that is unknown.
        """
        body = {"refresh_token": token}
        return self._tokens(await self._ask("POST", "/token", {"grant_type": "refresh_token"}, body, renewing=True))

    async def user(self, access: str) -> tuple[str, str]:
        """Return id and email of the token's account."""
        answer = await self._ask("GET", "/user", {}, None, access=access, renewing=True)
        user_id, email = answer.get("id"), answer.get("email")
        if not _is_uuid(user_id):
            raise self._unexpected()
        return str(user_id), email if isinstance(email, str) else ""

    async def logout(self, access: str) -> None:
        """End this sign-in at the server."""
        await self._ask("POST", "/logout", {"scope": "local"}, {}, access=access, renewing=True, empty=True)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        *,
        access: str = "",
        waits: bool = False,
        renewing: bool = False,
        empty: bool = False,
    ) -> Mapping[str, Any]:
        """Return the object of the response."""
        headers = {"accept": "application/json"}
        if self._anon_key:
            headers["apikey"] = self._anon_key
        if access:
            headers["authorization"] = f"Bearer {access}"
        try:
            async with asyncio.timeout(LIMIT), open_client(self.server) as client:
                url = self.server.url(self._prefix + path)
                async with client.stream(method, url, params=query, json=body, headers=headers) as response:
                    content = await _read(response)
        except request_errors() as error:
            raise unreachable(self.server, error) from None
        value = _object(response, content)
        if response.is_success:
            if value is not None:
                return value
            if empty and response.status_code in (200, 204):
                return {}
            raise self._page()
        if value is not None and waits and value.get("error") in ("authorization_pending", "slow_down"):
            return value
        raise self._error(response, value or {}, renewing=renewing)

    def _error(self, response: httpx.Response, value: Mapping[str, Any], *, renewing: bool) -> SignInError:
        host, status = self.server.host, response.status_code
        known = self._known_error(_code(value), value, renewing=renewing)
        if known is not None and status < 500:
            return known
        if status == 429:
            wait = _seconds(response.headers.get("retry-after"))
            after = f" Try again in {_duration(wait)}." if wait else " Wait a while."
            return CannotReach(f"Too many attempts at {host}.{after}", "limited", wait)
        if status >= 500 or status == 408:
            if status == 511:
                return self._page()
            wait = _seconds(response.headers.get("retry-after"))
            return CannotReach(f"{host} reported an internal error (status {status}). Try again later.", "server", wait)
        if response.is_redirect:
            return NotASternaServer(
                f"{host} redirects to another address, which Sterna does not follow. Enter the server's own address."
            )
        if not value or status in (404, 405):
            return NotASternaServer(
                f"{host} does not answer as a Sterna server does (status {status}). Check the address."
            )
        if renewing and status in (401, 403):
            return SignInNeeded(f"The sign-in at {host} has ended. {SIGN_IN_AGAIN}")
        return Refused(f"{host} rejected the request: {_message(value) or f'status {status}'}")

    def _known_error(self, code: str, value: Mapping[str, Any], *, renewing: bool) -> SignInError | None:
        host = self.server.host
        if code == "user_banned":
            return AccountDisabled(f"This account is disabled at {host}. Contact the server administrator.")
        ended = ("refresh_token_not_found", "refresh_token_already_used", "session_not_found", "session_expired")
        if renewing and code in (*ended, "invalid_grant", "user_not_found", "bad_jwt"):
            return SignInNeeded(f"The sign-in at {host} has ended. {SIGN_IN_AGAIN}")
        if code in ("invalid_credentials", "invalid_grant") and "device" not in _message(value):
            return WrongPassword(f"Wrong email or password for {host}.")
        if code in ("user_already_exists", "email_exists") or "already registered" in _message(value):
            return AccountExists(f"That email already has an account at {host}. Sign in instead.")
        if code == "signup_disabled":
            closed = (
                "requires an invitation for new accounts" if "invit" in _message(value) else "accepts no new accounts"
            )
            return SignupClosed(f"{host} {closed}. Contact the server administrator.")
        if code == "invite_not_found":
            return SignupClosed(f"This invitation is not valid at {host}, or was already used.")
        if code == "email_not_confirmed":
            return Refused(f"The email address of this account is not confirmed. Look for an email from {host}.")
        if code == "access_denied":
            return SignInDenied("The sign-in was denied in the browser.")
        if code in ("expired_token", "invalid_grant"):
            return CodeExpired(CODE_EXPIRED)
        return None

    def _tokens(self, answer: Mapping[str, Any]) -> Tokens:
        user = answer.get("user")
        access, refresh, seconds = (answer.get(name) for name in ("access_token", "refresh_token", "expires_in"))
        good = all(
            isinstance(token, str) and 0 < len(token) <= LONGEST and token.isascii() and token.isprintable()
            for token in (access, refresh)
        )
        if not good or not _is_number(seconds) or not isinstance(user, Mapping) or not _is_uuid(user.get("id")):
            raise self._unexpected()
        if subject_of(str(access)) not in ("", str(user["id"])):
            raise self._unexpected()
        email = user.get("email")
        lifetime = int(min(max(seconds, 1), 10**9))
        shown = email if isinstance(email, str) and len(email) <= 320 else ""
        server_id = answer.get("server_id")
        return Tokens(
            str(user["id"]), shown, str(access), str(refresh), lifetime, answer,
            str(server_id) if _is_uuid(server_id) else "",
        )  # fmt: skip

    def _unexpected(self) -> NotASternaServer:
        return NotASternaServer(f"Unexpected answer from {self.server.host}. Check the address.")

    def _page(self) -> CannotReach:
        return CannotReach(
            f"A web page answered in place of {self.server.host}. Check the address. A guest network may require its "
            "own sign-in first: open a browser.",
            "portal",
        )


def subject_of(token: str) -> str:
    """Return the subject of a token, unverified; empty where it cannot be read."""
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else ""


async def _read(response: httpx.Response) -> bytes:
    """Return the body; b"" where it is too large or cannot be decompressed."""
    try:
        return await read_body(response, LARGEST)
    except (TooLarge, Unreadable):
        return b""


def _object(response: httpx.Response, content: bytes) -> Mapping[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _code(value: Mapping[str, Any]) -> str:
    """Return the error code: ``error_code`` in newer versions of GoTrue, else ``error``, as in the device grant."""
    for name in ("error_code", "code", "error"):
        if isinstance(value.get(name), str):
            return str(value[name])
    return ""


def _message(value: Mapping[str, Any]) -> str:
    from sterna.storage import one_line

    for name in ("msg", "error_description", "message", "error"):
        if isinstance(value.get(name), str) and value[name]:
            return one_line(str(value[name]), 200)
    return ""


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isascii() and header.isdigit() and len(header) < 9 else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) < 1e12


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
