"""Sign-in endpoints as a Sterna server and Supabase have them, and their refusals in sentences.

See docs/specification/endpoints.md#sign-in.

A body is read to a limit and believed only when it has the shape of an answer; redirects are not followed, for a
password or a token goes to the origin that it is for and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeGuard
from uuid import UUID

from sterna.net import TooLarge, Unreadable, request_errors, whole

from ..errors import (
    SIGN_IN_AGAIN,
    AccountExists,
    AccountShut,
    CannotReach,
    CodeEnded,
    Denied,
    NotASterna,
    Refused,
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
"""Seconds for one question, however slowly its answer drips."""
LARGEST = 256 * 1024
"""Bytes of an answer; a session has a few thousand."""
LONGEST = 16 * 1024
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A sign-in as the server gave it."""

    user_id: str
    email: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int
    """How long the access token is good, from when it came."""
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """The whole answer, which upstream's cookies are made of."""
    server_id: str = ""
    """The server's own id, the same at whatever address it is; empty where it has none."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a terminal shows, and asks with."""

    device: str = field(repr=False)
    user: str
    page: str
    page_with_code: str
    seconds: int
    interval: float


class SignInServer:
    """One server's sign-in. Every method raises :class:`SignInError`."""

    def __init__(self, server: Server, *, prefix: str = "/auth/v1", anon_key: str = "") -> None:
        self.server = server
        self._prefix = prefix
        self._anon_key = anon_key

    async def password(self, email: str, password: str) -> Tokens:
        """Sign in."""
        told = {"email": email, "password": password}
        return self._tokens(await self._ask("POST", "/token", {"grant_type": "password"}, told))

    async def create(self, email: str, password: str, invitation: str = "") -> Tokens:
        """Make an account and sign in."""
        told = {"email": email, "password": password} | ({"invitation": invitation} if invitation else {})
        answer = await self._ask("POST", "/signup", {}, told)
        if "access_token" not in answer and ("id" in answer or isinstance(answer.get("user"), Mapping)):
            raise Refused(f"{self.server.host} has sent you a mail. Confirm the address with it, then sign in.")
        return self._tokens(answer)

    async def device_code(self) -> DeviceCode:
        """Begin a sign-in that somebody approves in a browser."""
        answer = await self._ask("POST", "/device/code", {}, {})
        texts = [answer.get(name) for name in ("device_code", "user_code", "verification_uri")]
        seconds, interval = answer.get("expires_in"), answer.get("interval", 5)
        if not all(isinstance(one, str) and 0 < len(one) <= 1000 and one.isprintable() for one in texts):
            raise self._strange()
        if not _is_number(seconds) or not _is_number(interval) or seconds <= 0 or interval < 0:
            raise self._strange()
        whole = answer.get("verification_uri_complete")
        device, user, page = (str(one) for one in texts)
        return DeviceCode(device, user, page, whole if isinstance(whole, str) else page, int(seconds), float(interval))

    async def device_token(self, code: DeviceCode) -> Tokens | Literal["pending", "slow_down"]:
        """The sign-in, once it is approved."""
        told = {"grant_type": DEVICE_GRANT, "device_code": code.device}
        answer = await self._ask("POST", "/token", {}, told, waits=True)
        waiting = answer.get("error")
        if waiting in ("authorization_pending", "slow_down"):
            return "pending" if waiting == "authorization_pending" else "slow_down"
        return self._tokens(answer)

    async def refresh(self, token: str) -> Tokens:
        """The next tokens. Raises :class:`SignInNeeded` when there are none, :class:`CannotReach` when nobody knows."""
        told = {"refresh_token": token}
        return self._tokens(await self._ask("POST", "/token", {"grant_type": "refresh_token"}, told, renewing=True))

    async def user(self, access: str) -> tuple[str, str]:
        """Id and email of whose token it is."""
        answer = await self._ask("GET", "/user", {}, None, access=access, renewing=True)
        found, email = answer.get("id"), answer.get("email")
        if not _is_uuid(found):
            raise self._strange()
        return str(found), email if isinstance(email, str) else ""

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
                    read = await _read(response)
        except request_errors() as error:
            raise unreachable(self.server, error) from None
        told = _object(response, read)
        if response.is_success:
            if told is not None:
                return told
            if empty and response.status_code in (200, 204):
                return {}
            raise self._page()
        if told is not None and waits and told.get("error") in ("authorization_pending", "slow_down"):
            return told
        raise self._refusal(response, told or {}, renewing=renewing)

    def _refusal(self, response: httpx.Response, told: Mapping[str, Any], *, renewing: bool) -> SignInError:
        host, status = self.server.host, response.status_code
        known = self._known(_code(told), told, renewing=renewing)
        if known is not None and status < 500:
            return known
        if status == 429:
            wait = _seconds(response.headers.get("retry-after"))
            after = f" Try again in {_span(wait)}." if wait else " Wait a while."
            return CannotReach(f"{host} has had too many tries.{after}", "limited", wait)
        if status >= 500 or status == 408:
            if status == 511:
                return self._page()
            wait = _seconds(response.headers.get("retry-after"))
            return CannotReach(f"{host} cannot answer at the moment (status {status}). Try again.", "server", wait)
        if response.is_redirect:
            return NotASterna(
                f"{host} sends on to another address, which Sterna does not follow. Give the server's own address."
            )
        if not told or status in (404, 405):
            return NotASterna(f"{host} does not answer as a Sterna server does (status {status}). Check the address.")
        if renewing and status in (401, 403):
            return SignInNeeded(f"{host} does not know this sign-in any more. {SIGN_IN_AGAIN}")
        return Refused(f"{host} refused: {_said(told) or f'status {status}'}")

    def _known(self, code: str, told: Mapping[str, Any], *, renewing: bool) -> SignInError | None:
        host = self.server.host
        if code == "user_banned":
            return AccountShut(f"This account at {host} is shut. Ask whoever runs it.")
        ended = ("refresh_token_not_found", "refresh_token_already_used", "session_not_found", "session_expired")
        if renewing and code in (*ended, "invalid_grant", "user_not_found", "bad_jwt"):
            return SignInNeeded(f"The sign-in at {host} has ended. {SIGN_IN_AGAIN}")
        if code in ("invalid_credentials", "invalid_grant") and "device" not in _said(told):
            return WrongPassword(f"Email or password are not right for {host}.")
        if code in ("user_already_exists", "email_exists") or "already registered" in _said(told):
            return AccountExists(f"That email already has an account at {host}. Sign in instead.")
        if code == "signup_disabled":
            closed = "needs an invitation for a new account" if "invit" in _said(told) else "takes no new accounts"
            return SignupClosed(f"{host} {closed}. Ask whoever runs it.")
        if code == "invite_not_found":
            return SignupClosed(f"This invitation is not good at {host}, or was used already.")
        if code == "email_not_confirmed":
            return Refused(f"The email of this account is not confirmed. Look for a mail of {host}.")
        if code == "access_denied":
            return Denied("The sign-in was denied in the browser.")
        if code in ("expired_token", "invalid_grant"):
            return CodeEnded("Nobody approved the code in time. Begin again.")
        return None

    def _tokens(self, answer: Mapping[str, Any]) -> Tokens:
        user = answer.get("user")
        access, refresh, seconds = (answer.get(name) for name in ("access_token", "refresh_token", "expires_in"))
        good = all(
            isinstance(one, str) and 0 < len(one) <= LONGEST and one.isascii() and one.isprintable()
            for one in (access, refresh)
        )
        if not good or not _is_number(seconds) or not isinstance(user, Mapping) or not _is_uuid(user.get("id")):
            raise self._strange()
        if subject_of(str(access)) not in ("", str(user["id"])):
            raise self._strange()
        email = user.get("email")
        kept = int(min(max(seconds, 1), 10**9))
        shown = email if isinstance(email, str) and len(email) <= 320 else ""
        server_id = answer.get("server_id")
        return Tokens(
            str(user["id"]), shown, str(access), str(refresh), kept, answer,
            str(server_id) if _is_uuid(server_id) else "",
        )  # fmt: skip

    def _strange(self) -> NotASterna:
        return NotASterna(f"What {self.server.host} answers is not what a Sterna server says. Check the address.")

    def _page(self) -> CannotReach:
        return CannotReach(
            f"A web page answers in place of {self.server.host}. Check the address; a guest network may want a sign-in "
            "of its own first.",
            "portal",
        )


def subject_of(token: str) -> str:
    """Whom a token names, unverified; empty where it cannot be read. Only the server's word makes it count."""
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
    """The body; b"" for one that no sign-in server sends."""
    try:
        return await whole(response, LARGEST)
    except (TooLarge, Unreadable):
        return b""


def _object(response: httpx.Response, read: bytes) -> Mapping[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        told = json.loads(read)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _code(told: Mapping[str, Any]) -> str:
    """GoTrue's newer answers have ``error_code``, its older ones and the device grant ``error``."""
    for name in ("error_code", "code", "error"):
        if isinstance(told.get(name), str):
            return str(told[name])
    return ""


def _said(told: Mapping[str, Any]) -> str:
    from sterna.storage import one_line

    for name in ("msg", "error_description", "message", "error"):
        if isinstance(told.get(name), str) and told[name]:
            return one_line(str(told[name]), 200)
    return ""


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isascii() and header.isdigit() and len(header) < 9 else None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) < 1e12


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
