"""/device, where somebody approves the terminal that shows a code. It signs in for one answer and sets no cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse

from ..auth import cookies, device_codes, device_page
from ..auth.accounts import Account
from ..auth.errors import Refusal
from ..auth.secrets import as_user_code
from ..database.pool import Connection
from ..dependencies import Parts
from ..errors import ApiError
from ..identity import SERVER, Caller
from ..services import Services

router = APIRouter(tags=["auth"], default_response_class=HTMLResponse, include_in_schema=False)

UNKNOWN = "No terminal waits with this code. It may have ended: ask the terminal for a new one."
STALE = "This page was open for too long. Look at the code again, and decide again."
SAID = {
    "invalid_credentials": "Email or password are not right.",
    "user_banned": "This account is shut.",
    "user_already_exists": "This email cannot be used for a new account. If it is yours, sign in.",
    "invite_not_found": "This invitation is not valid, or was used already.",
    "signup_disabled": "To create an account here an invitation is needed.",
    "validation_failed": "This is not an email address.",
}

Text = Annotated[str, Form(max_length=4096)]


@router.get("/device")
async def show(request: Request, parts: Parts, user_code: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:
    """The page for a code, or the question for one. A code that is not known counts as a sign-in."""
    code = as_user_code(user_code)
    try:
        await parts.limits.count(request, Caller(), "auth")
        if not user_code:
            return _html(device_page.asking())
        if not code or not await _is_waiting(parts, code):
            await parts.limits.count(request, Caller(), "sign-in")
            return _html(device_page.asking(UNKNOWN, user_code), 404)
        return _html(_deciding(parts, code))
    except ApiError as error:
        return _refused(error)


@router.post("/device")
async def decide(
    request: Request,
    parts: Parts,
    user_code: Text = "",
    ticket: Text = "",
    do: Text = "",
    email: Text = "",
    password: Text = "",
    invitation: Text = "",
) -> HTMLResponse:
    """Approve or deny."""
    code = as_user_code(user_code)
    if not cookies.is_from_here(request.method, request.headers, parts.settings.public_url):
        return _html(device_page.asking(STALE), 403)
    try:
        await parts.limits.count(request, Caller(), "sign-in")
        if not code or not await _is_waiting(parts, code):
            return _html(device_page.asking(UNKNOWN), 404)
        if not parts.tokens.tickets.is_good(ticket, code):
            return _html(_deciding(parts, code, email, STALE), 403)
        return await _decided(request, parts, code, do, email, password, invitation)
    except Refusal as refusal:
        return _html(_deciding(parts, code, email, SAID.get(refusal.code, refusal.message)), refusal.status)
    except ApiError as error:
        return _refused(error)


def _refused(error: ApiError) -> HTMLResponse:
    """Say a refusal on a page. Raises what somebody at a browser can do nothing about."""
    if error.status not in (429, 503):
        raise error
    told = "There were too many tries. Wait a while." if error.status == 429 else error.message
    return _html(device_page.done(told), error.status, {"Retry-After": str(error.retry_after or 60)})


async def _decided(
    request: Request, parts: Services, code: str, do: str, email: str, password: str, invitation: str
) -> HTMLResponse:
    if do == "deny":
        await _keep(parts, code, None)
        return _html(device_page.done("Denied. The terminal was not signed in; you can close this page."))
    await parts.limits.count_name(request, email)
    if do == "create":
        account = await parts.sign_in.up(email, password, None, invitation.strip())
    else:
        account = await parts.sign_in.account(email, password)
    if not await _keep(parts, code, account):
        return _html(device_page.asking(UNKNOWN), 404)
    return _html(device_page.done("Approved. Your terminal is signed in now; you can close this page."))


async def _keep(parts: Services, code: str, account: Account | None) -> bool:
    async def work(connection: Connection) -> bool:
        return await device_codes.decide(connection, code, account.id if account else None, parts.clock())

    return await parts.database.write(SERVER, work)


async def _is_waiting(parts: Services, code: str) -> bool:
    async def work(connection: Connection) -> bool:
        return await device_codes.is_waiting(connection, code, parts.clock())

    return await parts.database.read(SERVER, work)


def _deciding(parts: Services, code: str, email: str = "", told: str = "") -> str:
    return device_page.deciding(
        code, parts.tokens.tickets.make(code), signup=parts.settings.signup, email=email, told=told
    )


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, device_page.HEADERS | (headers or {}))
